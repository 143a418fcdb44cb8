"""Virtual Taobao: the released networks, both file formats, the oracle step by step, and its published facts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.environments import rollout, torch_weights, virtual_taobao
from tests.environments import oracles, play

EPISODES = 10_000
FIELDS = ("env_state", "observation", "alive")  # of a rollout's state, what has a batch here


def _folder(data_root):
    return data_root / "virtual_taobao"


@pytest.fixture(scope="module")
def made(data_root):
    return virtual_taobao.make(virtual_taobao.defaults(), root=data_root)


@pytest.fixture(scope="module")
def weights(data_root):
    return {
        name: {k: v.astype(np.float64) for k, v in np.load(_folder(data_root) / f"{name}_model.npz").items()}
        for name in virtual_taobao.SHAPES
    }


@pytest.mark.parametrize("name", list(virtual_taobao.SHAPES))
def test_original_files_hold_what_the_npz_files_hold(data_root, name):
    original = torch_weights.read(_folder(data_root) / f"{name}_model.pt")
    converted = np.load(_folder(data_root) / f"{name}_model.npz")
    assert original.keys() == set(converted.files)
    assert all(np.array_equal(original[k], converted[k]) for k in original)


def test_networks_give_the_stored_outputs(data_root, made):
    _, params = made
    golden = np.load(_folder(data_root) / "golden_io.npz")
    response = np.concatenate([golden["user"], golden["page"], golden["action"]], 1)
    with jax.numpy_rank_promotion("allow"):
        for layers, x, expected in (
            (params.generator, golden["z"], "gen_logits"),
            (params.response, response, "action_logits"),
            (params.leave_network, golden["user"], "leave_logits"),
        ):
            error = np.abs(virtual_taobao.apply_network(layers, x) - golden[expected])
            assert error.max() < 2e-6 * np.abs(golden[expected]).max()  # logits reach 40,000 in float32
    groups = np.split(golden["gen_probs"], virtual_taobao.FIRST[1:], 1)
    for row in range(8):  # with every uniform 0 or just below 1, the first and the last category
        for uniform, end in ((0.0, 0), (1 - 2**-24, -1)):
            user = virtual_taobao.sample_user(jnp.full(11, uniform), golden["gen_logits"][row])
            chosen = [int(part.argmax()) for part in np.split(np.asarray(user), virtual_taobao.FIRST[1:])]
            assert float(user.sum()) == 11
            assert all(g[row][:c].sum() < 1e-6 for g, c in zip(groups, chosen, strict=True)) or end == -1
            assert all(g[row][c + 1 :].sum() < 1e-6 for g, c in zip(groups, chosen, strict=True)) or end == 0


def _play(env, params, draws, uniform, action):
    """Episodes from given draws: the first state and (reward, page, terminated, truncated), each [T, B]."""
    _, first = jax.vmap(env.begin, (0, None))(draws, params)

    def turn(state, drawn):
        observation, state, reward, terminated, _ = jax.vmap(env.advance, (0, 0, 0, None))(
            drawn[0], state, drawn[1], params
        )
        truncated = jax.vmap(env.is_truncated, (0, None))(state, params)
        return state, (reward, observation.vector[:, -2], terminated, truncated)

    return first, jax.lax.scan(turn, first, (uniform, action))[1]


@pytest.mark.parametrize(
    ("leave", "mode", "turns"), [("page", "last_n", 16), ("cirs", "last_n", 9), ("cirs", "easyrl4rec", 9)]
)
def test_every_step_follows_the_oracle(data_root, weights, leave, mode, turns):
    episodes = EPISODES if mode == "last_n" else 1000
    config = virtual_taobao.defaults()
    config.update({"leave": leave, "window_mode": mode, "leave_threshold": 3.4, "leave_window": 6, "max_turn": turns})
    env, params = virtual_taobao.make(config, root=data_root)
    rng = np.random.default_rng(0)
    draws = virtual_taobao.StartDraws(
        *(rng.random(shape, np.float32) for shape in ((episodes, 128), (episodes, 11), (episodes,)))
    )
    uniform = rng.random((turns, episodes, 2), np.float32)
    action = rng.uniform(-1, 1, (turns, episodes, 27)).astype(np.float32)
    first, played = jax.tree.map(np.asarray, jax.jit(lambda *a: _play(env, params, *a))(draws, uniform, action))
    clicks, page, terminated, truncated = played
    lengths = set()
    for b in range(episodes):
        oracle = oracles.VirtualTaobao(weights, leave=leave, threshold=3.4, size=5, mode=mode, max_turn=turns)
        given = draws.noise[b], draws.groups[b], draws.leave[b]
        assert oracle.reset(*given, first.user[b], int(first.leave_page[b]))
        for t in range(turns):
            right, leaves, late = oracle.step(action[t, b], uniform[t, b], int(clicks[t, b]), int(page[t, b]))
            assert right and (bool(terminated[t, b]), bool(truncated[t, b])) == (leaves, late)
            if leaves or late:
                break
        lengths.add(t + 1)
    assert {2, 3, 4, turns} <= lengths


def test_steps_and_resets_draw_from_their_keys(made):
    env, params = made
    key = jax.random.key(5)
    observation, state = env.reset(key, params)
    action = jnp.linspace(-1, 1, 27)
    after, next_state, reward, terminated, _ = jax.jit(env.step_env)(key, state, action, params)
    expected = jax.jit(env.advance)(jax.random.uniform(key, (2,)), state, action, params)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, (after, next_state, reward, terminated), expected[:4])))
    assert np.array_equal(observation.vector, np.r_[state.user, 0, 0, 0])
    assert np.array_equal(after.vector[:88], state.user) and after.vector[88] == reward and after.vector[90] == 1


def test_actions_outside_the_box_are_clipped_to_it(made):
    env, params = made
    keys = jax.random.split(jax.random.key(6), 400)
    _, state = jax.jit(jax.vmap(env.reset_env, (0, None)))(keys, params)
    step = jax.jit(jax.vmap(env.step_env, (0, 0, 0, None)))
    action = jax.random.uniform(jax.random.key(7), (400, 27), minval=-3, maxval=3)
    far, edge, other = (step(keys, state, a, params)[0].vector for a in (action, jnp.clip(action, -1, 1), -action))
    assert np.array_equal(far, edge) and not np.array_equal(far, other)


def test_published_facts(made):
    """E[T] = 7.74, standard deviation 11.4, and 1.45 to 1.51 clicks for a uniform random policy."""
    env, params = made
    policy = play.random_vectors(27)

    @jax.jit
    def play_on(key):
        state = rollout.start(env, params, policy, None, key, 8192)
        few = state.replace(**{f: jax.tree.map(lambda x: x[:4096], getattr(state, f)) for f in FIELDS})
        _, steps = rollout.rollout(
            env, params, policy, None, few, key, num_steps=100, auto_reset=False, selection="sample"
        )
        return state.env_state.leave_page, steps.reward.sum(0), steps.mask.sum(0)

    pages, returns, lengths = (np.asarray(x) for x in play_on(jax.random.key(0)))
    assert np.array_equal(lengths, np.maximum(pages[:4096], 1))
    assert abs(pages.mean() - 7.74) < 4 * 11.4 / 8192**0.5 and abs(pages.std() - 11.4) < 0.6
    assert abs(returns.mean() - 1.48) < 0.03 + 4 * returns.std() / 4096**0.5


def _broken(folder, name, change):
    tensors = dict(np.load(folder / f"{name}_model.npz"))
    change(tensors)
    np.savez(folder / f"{name}_model.npz", **tensors)


@pytest.fixture
def copy(tmp_path):
    """Weights of the right shapes, so that this needs no download."""
    folder = tmp_path / "virtual_taobao"
    folder.mkdir()
    for name, sizes in virtual_taobao.SHAPES.items():
        tensors = {}
        for i, (width_in, width_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            tensors |= {f"{2 * i}.weight": np.zeros((width_out, width_in)), f"{2 * i}.bias": np.zeros(width_out)}
        np.savez(folder / f"{name}_model.npz", **tensors)
    return folder


def test_weights_that_are_not_theirs_are_refused(copy):
    config = virtual_taobao.defaults()
    virtual_taobao.make(config, root=copy.parent)
    for change, message in (
        (lambda t: t.update({"2.bias": np.zeros(3)}), "these are not action's weights"),
        (lambda t: t.pop("4.weight"), "layer 4"),
        (lambda t: t.update({"2.bias": np.full(256, np.nan)}), "not finite"),
    ):
        saved = (copy / "action_model.npz").read_bytes()
        _broken(copy, "action", change)
        with pytest.raises(JaxrecError, match=message):
            virtual_taobao.make(config, root=copy.parent)
        (copy / "action_model.npz").write_bytes(saved)
    (copy / "action_model.npz").write_bytes(b"nothing")
    with pytest.raises(JaxrecError, match="not a readable .npz"):
        virtual_taobao.make(config, root=copy.parent)
    (copy / "action_model.npz").unlink()
    with pytest.raises(JaxrecError, match="neither action_model.pt nor .npz"):
        virtual_taobao.make(config, root=copy.parent)


@pytest.mark.parametrize(
    ("changes", "message"), [({"leave": "soon"}, "leave is"), ({"max_turn": 0}, "max_turn is 0"), ({}, "data.root")]
)
def test_mistakes_are_one_clear_line(changes, message):
    config = virtual_taobao.defaults()
    config.update(changes)
    with pytest.raises(JaxrecError, match=message):
        virtual_taobao.make(config)

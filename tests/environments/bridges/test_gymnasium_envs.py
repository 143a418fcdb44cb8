"""Gymnasium's single and vector environments: equal to the oracle, to each other, and to what Gymnasium asks."""

from __future__ import annotations

import gymnasium
import jax.numpy as jnp
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from jaxrec.base.errors import JaxrecError
from jaxrec.environments import bridges
from jaxrec.environments.bridges import seeded_rows
from tests.environments import play
from tests.environments.bridges import small

ROWS = 3


@pytest.fixture(scope="module")
def world():
    return small.make()


def _random_allowed(rng, infos, rows=ROWS):
    """One random item for each row, none that is masked."""
    if "action_mask" not in infos:
        return rng.integers(0, play.ITEMS, rows)
    return np.array([rng.choice(np.flatnonzero(mask)) for mask in infos["action_mask"]])


@pytest.mark.parametrize(("mode", "exits", "max_turn"), [("FB", True, 6), ("NX_0", True, 6), ("NX_4", False, 4)])
def test_a_thousand_turns_of_a_vector_follow_the_oracle(world, mode, exits, max_turn):
    users = bridges.gymnasium_vector(*world, num_envs=ROWS, mode=mode, autoreset_mode="SameStep")
    rng = np.random.default_rng(0)
    observations, infos = users.reset(seed=5)
    began = {"exits": exits, "max_turn": max_turn}
    user = [small.read(row, max_turn)[0] for row in observations]
    oracle = [small.oracle(world[1], each, **began) for each in user]
    met, ends, compiled = [set() for _ in range(ROWS)], set(), seeded_rows.advance._cache_size()
    for _ in range(1000):
        actions = _random_allowed(rng, infos)
        observations, rewards, terminated, truncated, infos = users.step(actions)
        assert observations.dtype == np.float32 and observations in users.observation_space
        assert rewards.dtype == np.float64 and terminated.dtype == truncated.dtype == bool
        for row, action in enumerate(actions):
            reward, left, late = oracle[row].step(action)
            met[row].add(action)
            assert abs(rewards[row] - reward) < 1e-5 and (terminated[row], truncated[row]) == (left, late)
            expected = (user[row], action, len(oracle[row].actions))
            shown = observations[row]
            if left or late:
                ends.add((left, late))
                shown = infos["final_obs"][row]
                begun = small.read(observations[row], max_turn)
                assert infos["_final_obs"][row] and infos["_final_info"][row] and begun[2:] == (0.0, 0)
                user[row], met[row] = begun[0], set()
                oracle[row] = small.oracle(world[1], begun[0], **began)
            found = small.read(shown, max_turn)
            assert (*found[:2], found[3]) == expected and abs(found[2] - reward) < 1e-5
            assert (left or late) or "_final_obs" not in infos or infos["final_obs"][row] is None
        masks = users.action_masks()
        if mode == "FB":
            assert masks.all() and "action_mask" not in infos
        else:
            assert [set(np.flatnonzero(~mask)) for mask in masks] == met
            assert np.array_equal(infos["action_mask"], masks) and infos["action_mask"].dtype == np.int8
    assert seeded_rows.advance._cache_size() <= compiled + 1  # one program for every turn
    assert ends == ({(False, True)} if not exits else {(True, False), (False, True), (True, True)})


def _same(ours, theirs, where):
    """Equal to the last bit but for float rounding of another program, dtypes and masks included."""
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs), where
        for name in theirs:
            _same(ours[name], theirs[name], f"{where}.{name}")
    elif isinstance(theirs, list) or (isinstance(theirs, np.ndarray) and theirs.dtype == object):
        for row, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            _same(a, b, f"{where}[{row}]")
    elif theirs is None:
        assert ours is None, where
    else:
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, where
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=where)


@pytest.mark.parametrize("mode", ["FB", "NX_0"])
@pytest.mark.parametrize("autoreset", list(AutoresetMode))
def test_a_vector_is_gymnasiums_own_over_single_environments(world, mode, autoreset):
    """Whatever Gymnasium's SyncVectorEnv gives over single environments, in every autoreset mode, infos included."""
    theirs = gymnasium.vector.SyncVectorEnv(
        [lambda: bridges.gymnasium_env(*world, mode=mode)] * ROWS, autoreset_mode=autoreset
    )
    ours = bridges.gymnasium_vector(*world, num_envs=ROWS, mode=mode, autoreset_mode=autoreset)
    assert ours.metadata["autoreset_mode"] == theirs.metadata["autoreset_mode"] == autoreset
    assert ours.observation_space == theirs.observation_space and ours.action_space == theirs.action_space
    rng, made = np.random.default_rng(1), ours.reset(seed=11)
    _same(list(made), list(theirs.reset(seed=11)), "reset")
    for turn in range(60):
        ended = made[2] | made[3] if turn else np.zeros(ROWS, bool)
        if autoreset == AutoresetMode.DISABLED and ended.any():
            begun = [env.reset(options={"reset_mask": ended.copy()}) for env in (ours, theirs)]
            _same(list(begun[0]), list(begun[1]), f"reset before turn {turn}")
        actions = _random_allowed(rng, {"action_mask": ours.action_masks()} if mode != "FB" else {})
        made = ours.step(actions)
        _same(list(made), list(theirs.step(actions)), f"turn {turn}")


@pytest.mark.parametrize("options", [{}, {"mode": "NX_4", "observation": "one_hot"}], ids=["compact", "nx"])
def test_gymnasiums_checker_has_no_word_to_say(world, options):
    check_env(bridges.gymnasium_env(*world, **options), skip_render_check=True)


def _episodes(env, seed, count):
    """The starting observations of `count` episodes."""
    return [env.reset(seed=seed if n == 0 else None)[0].tolist() for n in range(count)]


def test_a_seed_gives_the_same_users_and_no_seed_goes_on(world):
    env = bridges.gymnasium_env(*world)
    first = _episodes(env, 3, 8)
    assert first == _episodes(env, 3, 8) != _episodes(env, 4, 8)
    assert len({tuple(start) for start in first}) > 4
    big = 2**40  # seeds equal modulo 2**32 are two seeds
    assert _episodes(env, big + 3, 8) != first
    unseeded = bridges.gymnasium_env(*world), bridges.gymnasium_env(*world)
    assert _episodes(unseeded[0], None, 8) != _episodes(unseeded[1], None, 8)


def test_what_comes_out_is_ours_to_change(world):
    users = bridges.gymnasium_vector(*world, num_envs=ROWS)
    observations, _ = users.reset(seed=0)
    observations[:] = 9.0
    again = users.step(np.zeros(ROWS, int))
    for array in again[:4]:
        array[:] = 1
    assert (users.step(np.ones(ROWS, int))[0] <= 5.0).all()


def test_a_mode_is_kept_and_mistakes_are_one_clear_line(world):
    env = bridges.gymnasium_env(*world, mode="NX_4")
    with pytest.raises(JaxrecError, match="no episode to go on with; call reset"):
        env.step(0)
    env.reset(seed=0)
    env.step(3)
    with pytest.raises(JaxrecError, match="item 3 was recommended before in the episode of row 0, which mode NX_4"):
        env.step(3)
    for action, message in ((-1, "-1 is no item; there are 14"), (14, "14 is no item"), (0.5, "give whole numbers")):
        with pytest.raises(JaxrecError, match=message):
            env.step(action)
    for action in (4, 5, 6):
        *_, truncated, _ = env.step(action)
    assert truncated
    with pytest.raises(JaxrecError, match="no episode to go on with"):
        env.step(7)
    users = bridges.gymnasium_vector(*world, num_envs=ROWS)
    users.reset(seed=0)
    for arguments, message in (
        ({"seed": [1, 2]}, "2 seeds for 3 rows"),
        ({"options": {"reset_mask": [True]}}, r"reset_mask is bool \[1\]"),
        ({"options": {"reset_mask": [1, 0, 1]}}, r"reset_mask is int64 \[3\]"),
    ):
        with pytest.raises(JaxrecError, match=message):
            users.reset(**arguments)
    with pytest.raises(JaxrecError, match=r"actions are \[2\], \[3\] are expected"):
        users.step(np.zeros(2, int))
    for options, message in (
        ({"num_envs": 0}, "num_envs is 0"),
        ({"autoreset_mode": "now"}, "set it to one of NextStep"),
    ):
        with pytest.raises(JaxrecError, match=message):
            bridges.gymnasium_vector(*world, **options)


def test_continuous_actions_are_vectors(data_root):
    from jaxrec.environments import virtual_taobao

    made = virtual_taobao.make(virtual_taobao.defaults(), root=data_root)
    users = bridges.gymnasium_vector(*made, num_envs=2, autoreset_mode="SameStep")
    observations, _ = users.reset(seed=0)
    assert observations.shape == (2, 93)  # feedback, turn / limit, and 91 numbers of the customer
    for _ in range(30):
        observations, rewards, terminated, *_ = users.step(users.action_space.sample())
        assert ((rewards >= 0) & (rewards <= 10)).all() and observations in users.observation_space
    with pytest.raises(JaxrecError, match="whose actions are not items"):
        users.action_masks()
    with pytest.raises(JaxrecError, match="not finite"):
        users.step(np.full((2, 27), np.nan))
    assert jnp.isfinite(observations).all()

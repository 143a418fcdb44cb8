"""Evaluations equal the oracle's metrics of the very episodes played, in every mode, over rounds and seeds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.contracts import Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.environments import feedback_matrix, modes, rollout
from jaxrec.evaluation import easyrl4rec_metrics, episodes
from tests.environments import play
from tests.evaluation import oracles

MODES = ("FB", "NX_0", "NX_4")
NUM_ENVS, NUM_EPISODES, MAX_TURN = 8, 20, 6


@pytest.fixture(scope="module")
def world():
    return feedback_matrix.make(
        play.config(threshold=5.0, max_turn=MAX_TURN), interactions=play.log(), user_model=play.factors()
    )


@pytest.fixture(scope="module")
def catalogue():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(play.ITEMS, 4)).astype(np.float32)
    return episodes.Catalogue(jnp.asarray(rng.integers(0, 20, play.ITEMS)), jnp.asarray(vectors))


@pytest.fixture(scope="module")
def policy():
    """Prefers items by params [A] and chance; counts its turns."""

    def act(params, carry, observation, key):
        noise = jax.random.uniform(key, (observation.turn.shape[0], play.ITEMS))
        return observation.turn, params[None] + noise

    return Policy(
        init=lambda params, num_users: jnp.zeros((num_users,), jnp.int32),
        act=act,
        diagnostics=lambda carry: {"turn": carry},
    )


@pytest.fixture(scope="module")
def evaluate(world, policy):
    return episodes.player(world[0], policy, modes=MODES, num_envs=NUM_ENVS, num_episodes=NUM_EPISODES)


def _episodes(world, policy, params, key, name):
    env, env_params = world
    mode = modes.parse(name)
    changed = modes.apply(mode, env, env_params)

    @jax.jit
    def play_round(first):
        key_start, key_play = jax.random.split(jax.random.fold_in(key, first))
        start = rollout.start(env, changed, policy, params, key_start, NUM_ENVS, no_repeats=mode.no_repeats)
        start = start.replace(alive=first + jnp.arange(NUM_ENVS) < NUM_EPISODES)
        options = {"auto_reset": False, "selection": "greedy", "no_repeats": mode.no_repeats}
        steps = modes.max_steps(env, changed)
        return rollout.rollout(env, changed, policy, params, start, key_play, num_steps=steps, **options)[1]

    items, rewards, users = [], [], []
    for first in range(0, NUM_EPISODES, NUM_ENVS):
        steps = jax.tree.map(np.asarray, play_round(first))
        for b in range(min(NUM_ENVS, NUM_EPISODES - first)):
            length = int(steps.mask[:, b].sum())
            items.append(steps.action[:length, b].tolist())
            rewards.append(steps.reward[:length, b].tolist())
            users.append(int(steps.observation.user[0, b]))
    return items, rewards, users


def test_every_mode_equals_the_oracle_of_its_episodes(world, policy, evaluate, catalogue):
    params, key = jnp.linspace(0, 1, play.ITEMS), jax.random.key(0)
    results = evaluate(params, world[1], catalogue, key)
    everyone = []
    for name in MODES:
        items, rewards, users = _episodes(world, policy, params, key, name)
        assert len(items) == NUM_EPISODES
        expected = oracles.metrics(items, rewards, np.asarray(catalogue.popularity), np.asarray(catalogue.vectors))
        found = {k.split("/")[1]: float(v) for k, v in results.items() if k.startswith(name + "/") and v.ndim == 0}
        assert found == pytest.approx(expected, abs=1e-4)
        counts = [sum(len(e) > t for e in items) for t in range(MAX_TURN + 1)]
        assert results[f"{name}/histogram/turn"].tolist() == counts
        assert all(len(set(e)) == len(e) for e in items) or name == "FB"
        assert {len(e) for e in items} == {4} or name != "NX_4"
        everyone.append(users)
    assert everyone[0] == everyone[1] == everyone[2]
    assert len(set(map(tuple, np.reshape(everyone[0][: 2 * NUM_ENVS], (2, NUM_ENVS))))) == 2  # rounds differ


def test_seeds_are_an_axis(world, evaluate, catalogue):
    params = jnp.stack([jnp.linspace(0, 2, play.ITEMS), jnp.linspace(2, 0, play.ITEMS)])
    keys = jax.random.split(jax.random.key(1), 2)
    together = jax.jit(jax.vmap(evaluate, (0, None, None, 0)))(params, world[1], catalogue, keys)
    for seed in range(2):
        alone = evaluate(params[seed], world[1], catalogue, keys[seed])
        assert together.keys() == alone.keys()
        for name, value in alone.items():
            assert np.allclose(together[name][seed], value, atol=1e-5)
    assert not np.allclose(together["FB/R_cumu"][0], together["FB/R_cumu"][1])


def test_without_a_catalogue_the_rest_remains(world, policy):
    """A policy that says itself that it samples is sampled where the evaluation is greedy."""
    plain, options = policy._replace(diagnostics=None), {"modes": ("FB",), "num_envs": 5, "num_episodes": 5}
    results = [
        episodes.player(world[0], chosen, selection=selection, **options)(
            jnp.zeros(play.ITEMS), world[1], None, jax.random.key(0)
        )
        for chosen, selection in ((plain, "sample"), (plain._replace(selection="sample"), "greedy"), (plain, "greedy"))
    ]
    assert results[0] == results[1] != results[2]
    assert set(results[0]) == {"FB/R_cumu", "FB/R_avg", "FB/Length"}
    returned, average, length = (float(results[0][f"FB/{name}"]) for name in ("R_cumu", "R_avg", "Length"))
    assert returned == pytest.approx(average * length, rel=1e-5)


def test_named_metrics_come_with_a_catalogue_that_knows_of_them(world, policy, catalogue):
    rng = np.random.default_rng(4)
    similarity, popularity = rng.random((play.ITEMS, play.ITEMS)), rng.uniform(0.1, 1, play.ITEMS)
    similarity = (similarity + similarity.T) / 2
    items = easyrl4rec_metrics.Items(jnp.asarray(popularity), jnp.asarray(similarity))
    params, key = jnp.linspace(0, 1, play.ITEMS), jax.random.key(0)
    plain = policy._replace(diagnostics=None)
    evaluate = episodes.player(world[0], plain, modes=("FB",), num_envs=NUM_ENVS, num_episodes=NUM_EPISODES)
    shown, _, _ = _episodes(world, plain, params, key, "FB")
    expected = oracles.easyrl4rec(shown, similarity, popularity)
    results = evaluate(params, world[1], catalogue.replace(easyrl4rec=items), key)
    assert {name: float(results[f"FB/{name}"]) for name in expected} == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modes": ("NX_15",)}, "15 different items"),
        ({"modes": ("XF",)}, "evaluation mode 'XF'"),
        ({"num_envs": 0}, "0 environments"),
        ({"num_episodes": 0}, "0 episodes"),
    ],
)
def test_mistakes_are_told_before_anything_is_compiled(world, policy, options, message):
    with pytest.raises(JaxrecError, match=message):
        episodes.player(world[0], policy, **options)

"""Evaluations equal the oracle's metrics of the very episodes played, in every mode, over rounds and seeds."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.decision_transformer import mdt4rec
from jaxrec.algorithms.static import random
from jaxrec.base import episode_keys
from jaxrec.base.contracts import Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.environments import feedback_matrix, modes, rollout
from jaxrec.environments import spec as specs
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
        noise = episode_keys.draw(jax.random.uniform, key, (observation.turn.shape[0], play.ITEMS))
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
    """All episodes at once, where the evaluation under test plays them in three rounds."""
    env, env_params = world
    mode = modes.parse(name)
    changed = modes.apply(mode, env, env_params)

    @jax.jit
    def play_all():
        key_start, key_play = jax.random.split(jax.random.fold_in(key, 0))
        start = rollout.start(env, changed, policy, params, key_start, NUM_EPISODES, no_repeats=mode.no_repeats)
        options = {"auto_reset": False, "selection": "greedy", "no_repeats": mode.no_repeats}
        steps = modes.max_steps(env, changed)
        return rollout.rollout(env, changed, policy, params, start, key_play, num_steps=steps, **options)[1]

    items, rewards, users = [], [], []
    steps = jax.tree.map(np.asarray, play_all())
    for b in range(NUM_EPISODES):
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


def test_users_at_once_change_nothing(world, policy, catalogue):
    """Neither users nor their chance, sampled items, what a policy draws, or MDT4Rec's search: a round more or less
    changes the order of sums."""
    env, env_params = world
    spec = specs.of(env, env_params)
    config = mdt4rec.defaults()
    config.update({"width": 8, "num_layers": 1, "num_heads": 1, "context_length": 4, "state_encoder": "average"})
    played = TrajectoriesSpec(spec.num_users, spec.num_items, spec.max_turn, return_range=(0.0, 30.0))
    transformer = mdt4rec.make(config, played)
    cases = {
        "sampled": (policy, jnp.zeros(play.ITEMS), "sample", (20, 7)),
        "random": (random.make(random.defaults(), spec).policy, {}, "greedy", (20, 7)),
        "mdt4rec": (transformer.policy, jax.jit(transformer.learner.init)(jax.random.key(1)).params, "greedy", (20, 7)),
    }
    for name, (acting, params, selection, sizes) in cases.items():
        results = []
        for num_envs in sizes:
            options = {"modes": MODES, "num_envs": num_envs, "num_episodes": NUM_EPISODES, "selection": selection}
            play_episodes = episodes.player(env, acting, **options)
            results.append(play_episodes(params, env_params, catalogue, jax.random.key(5)))
        for other in results[1:]:
            assert other.keys() == results[0].keys()
            for metric, value in other.items():
                tolerance = 2e-6 if jnp.issubdtype(value.dtype, jnp.floating) else 0
                np.testing.assert_allclose(value, results[0][metric], rtol=tolerance, err_msg=f"{name} {metric}")


def test_what_is_not_finite_measures_nothing(world, evaluate, catalogue):
    """One logit that is no number, of one item, in one mode's episodes; -inf alone says that an item is not shown."""
    params, key = jnp.linspace(0, 1, play.ITEMS), jax.random.key(0)
    for wrong in (jnp.nan, jnp.inf):
        results = evaluate(params.at[3].set(wrong), world[1], catalogue, key)
        assert all(np.isnan(value) for value in results.values() if value.ndim == 0)
    for fine in (params.at[3].set(-jnp.inf), params):
        assert all(np.isfinite(value).all() for value in evaluate(fine, world[1], catalogue, key).values())
    assert np.isnan(evaluate(jnp.full(play.ITEMS, -jnp.inf), world[1], catalogue, key)["FB/R_cumu"])
    vectors = Policy(lambda params, n: (), lambda params, carry, observation, key: (carry, params))
    watched = episodes._watched(vectors, SimpleNamespace(has_item_actions=False))
    actions = jnp.array([[1.0, 2.0], [1.0, -jnp.inf], [jnp.nan, 2.0]])
    assert watched.act(actions, watched.init(None, 3), None, key)[0].finite.tolist() == [True, False, False]


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

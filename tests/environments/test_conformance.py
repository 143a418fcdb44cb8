"""Every environment file in the folder as a gymnax 1.x environment: plain, flattened, under the five-value wrapper."""

from __future__ import annotations

import importlib
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gymnax.environments import environment, spaces
from gymnax.wrappers import LegacyStepAPIWrapper

from jaxrec import environments
from jaxrec.base.records import Observation
from jaxrec.environments import rollout
from jaxrec.environments.wrappers import FlatObservation
from tests.environments import play

NAMES = [
    module.name
    for module in pkgutil.iter_modules(environments.__path__)
    if hasattr(importlib.import_module(f"jaxrec.environments.{module.name}"), "make")
]
STEPS = 40


def _make(name, data_root):
    module = importlib.import_module(f"jaxrec.environments.{name}")
    config = module.defaults()
    if name == "embedded":
        config.world.update({"num_users": 40, "num_test_users": 20, "num_items": 48})
        return module.make(config)
    if name == "virtual_taobao":
        return module.make(config, root=data_root())
    config.threshold = 4.0
    return module.make(config, interactions=play.log(), user_model=play.factors())


@pytest.fixture(scope="module", params=NAMES)
def made(request):
    return _make(request.param, lambda: request.getfixturevalue("data_root"))


def test_the_folder_holds_environments():
    assert {"feedback_matrix", "virtual_taobao", "embedded"} <= set(NAMES)


def _types(tree):
    return jax.tree.map(lambda x: (jnp.shape(x), jnp.asarray(x).dtype), tree)


def test_reset_and_six_value_step(made):
    env, params = made
    assert isinstance(env, environment.Environment)
    observation, state = env.reset(jax.random.key(0), params)
    assert isinstance(observation, Observation) and int(observation.turn) == 0 and int(state.time) == 0
    action = env.action_space(params).sample(jax.random.key(1))
    after, next_state, reward, terminated, truncated, info = env.step(jax.random.key(2), state, action, params)
    assert _types(after) == _types(observation) and _types(next_state) == _types(state)
    assert reward.shape == () and reward.dtype == jnp.float32
    assert terminated.dtype == bool and truncated.dtype == bool
    assert int(info["final_observation"].turn) == 1
    default = env.step(jax.random.key(2), state, action)
    given = (after, next_state, reward, terminated, truncated)
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, default[:5], given)))


def test_it_says_what_modes_and_rollouts_must_know(made):
    for env in (made[0], FlatObservation(made[0])):
        assert env.has_item_actions == isinstance(env.action_space(made[1]), spaces.Discrete)
        assert env.has_exit_switch == hasattr(made[1], "exits")
        assert env.reward_range[0] < env.reward_range[1]
        assert env.reset_chunk is None or env.reset_chunk > 0
    assert bool(made[0].item_facts(made[1])) == made[0].has_item_actions


def _scan(env, params, num_envs=8):
    def turn(state, key):
        key_action, key_step = jax.random.split(key)
        action = jax.vmap(env.action_space(params).sample)(jax.random.split(key_action, num_envs))
        keys = jax.random.split(key_step, num_envs)
        observation, state, *rest = jax.vmap(env.step, (0, 0, 0, None))(keys, state, action, params)
        return state, (observation, *rest)

    _, state = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(0), num_envs), params)
    return jax.lax.scan(turn, state, jax.random.split(jax.random.key(1), STEPS))[1]


@pytest.fixture(scope="module")
def played(made):
    """(params with a short time limit, what 8 users' scanned steps gave)."""
    env, params = made
    short = params.replace(max_steps_in_episode=6)
    return short, jax.jit(lambda p: _scan(env, p))(short)


def test_auto_reset_under_jit_vmap_and_scan_stays_in_its_spaces(made, played):
    env, _ = made
    params, (observation, reward, terminated, truncated, info) = played
    done = terminated | truncated
    assert np.array_equal(observation.turn == 0, done)
    final = info["final_observation"]
    assert np.array_equal(final.feedback, reward)
    assert terminated.any() and (truncated & ~terminated).any()
    assert np.array_equal(truncated, final.turn == 6) and int(final.turn.max()) == 6
    low, high = env.reward_range
    assert low <= float(reward.min()) and float(reward.max()) <= high
    space = env.observation_space(params)
    inside = jax.jit(jax.vmap(jax.vmap(space.contains)))
    assert inside(observation).all() and inside(final).all()
    assert not inside(observation.replace(feedback=jnp.full_like(observation.feedback, 1e9))).any()


def test_five_value_wrapper(made):
    env, params = made
    legacy = LegacyStepAPIWrapper(env)
    observation, state = legacy.reset(jax.random.key(0), params)
    action = env.action_space(params).sample(jax.random.key(1))
    new = env.step(jax.random.key(2), state, action, params)
    old = legacy.step(jax.random.key(2), state, action, params)
    assert len(old) == 5
    expected = (new[0], new[1], new[2], new[3] | new[4])
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, tuple(old[:4]), expected)))


def test_flat_observations_say_the_same(made, played):
    env, _ = made
    params, record = played
    flat = FlatObservation(env)
    assert isinstance(flat.observation_space(params), spaces.Box)
    vector = jax.jit(lambda p: _scan(flat, p))(params)
    assert np.array_equal(record[1], vector[1]) and np.array_equal(record[2], vector[2])
    observation, found = record[0], vector[0]
    assert found.shape[2:] == flat.observation_space(params).shape and found.dtype == jnp.float32
    assert jax.jit(jax.vmap(jax.vmap(flat.observation_space(params).contains)))(found).all()
    inner, first = env.observation_space(params).spaces, 0
    for name in ("user", "item"):
        size = inner[name].n
        if size > 1:
            assert np.array_equal(found[..., first : first + size].argmax(-1), getattr(observation, name))
            assert np.array_equal(found[..., first : first + size].sum(-1), np.ones(found.shape[:2]))
            first += size
    # Another program than the record's, which may round its last bit otherwise.
    np.testing.assert_allclose(found[..., first], observation.feedback, rtol=1e-6)
    assert np.allclose(found[..., first + 1] * params.max_steps_in_episode, observation.turn)
    assert np.array_equal(found[..., first + 2 :], observation.vector)


def test_our_rollout_takes_it(made):
    env, params = made
    policy = play.random_policy(env.num_actions) if env.has_item_actions else play.random_vectors(env.num_actions)

    @jax.jit
    def play_on(params):
        state = rollout.start(env, params, policy, None, jax.random.key(0), 8)
        return rollout.rollout(
            env, params, policy, None, state, jax.random.key(1), num_steps=5, auto_reset=True, selection="sample"
        )

    _, steps = play_on(params)
    assert steps.reward.shape == (5, 8) and float(jnp.abs(steps.reward).sum()) > 0
    assert steps.action.shape == ((5, 8) if env.has_item_actions else (5, 8, *env.action_space(params).shape))

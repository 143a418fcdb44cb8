"""The off-policy learners at work: exploration, vectors that stand for items, delays."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.actor_critic import continuous, ddpg, dqn, sac, td3
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import rollout
from jaxrec.models.encoders import interactions
from tests.algorithms.actor_critic import linear, problems

CONTINUOUS = pytest.mark.parametrize("module", [ddpg, td3, sac], ids=["ddpg", "td3", "sac"])


def tiny(module, **changes):
    config = module.defaults()
    config.update(
        {"width": 4, "hidden": (8,), "num_envs": 16, "num_updates": 1, "batch_size": 64, "warmup": 64} | changes
    )
    return config


def first_batch(config, module):
    """(params, a batch of what an untrained policy did) among six items."""
    env, env_params, spec = problems.environment(problems.tastes(), exits=False, max_turn=4)
    algorithm = module.make(config, spec)
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params
    state = jax.jit(algorithm.source.init)(env_params, params, jax.random.key(1))
    return params, jax.jit(algorithm.source.next)(env_params, state, params, jax.random.key(2))[1]


@CONTINUOUS
def test_the_recorded_vector_is_what_chose_the_item(module):
    params, batch = first_batch(tiny(module), module)
    items = np.asarray(interactions.item_vectors(params["encoder"]))
    units = items / np.linalg.norm(items, axis=1, keepdims=True)
    action = np.asarray(batch.carry.action)
    assert action.shape == (64, 4) and abs(action).max() <= 1.0
    np.testing.assert_array_equal(batch.action, (action @ units.T).argmax(1))
    assert len(set(np.asarray(batch.action).tolist())) > 1  # noise explores


@CONTINUOUS
def test_without_repeats_the_next_best_item_is_taken(module):
    env, env_params, spec = problems.environment(problems.tastes(), exits=False, max_turn=6)
    algorithm = module.make(tiny(module), spec)
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params

    @jax.jit
    def play(key):
        state = rollout.start(env, env_params, algorithm.policy, params, key, 8)
        return rollout.rollout(
            env, env_params, algorithm.policy, params, state, key,
            num_steps=6, auto_reset=False, selection="sample", no_repeats=True,
        )[1]  # fmt: skip

    actions = np.asarray(play(jax.random.key(1)).action)
    assert (np.sort(actions, 0) == np.arange(6)[:, None]).all()


@CONTINUOUS
def test_vectors_are_the_actions_where_the_environment_takes_them(module):
    spec = EnvironmentSpec(num_users=1, num_items=0, max_turn=9, observation_size=3, action_size=2)
    algorithm = module.make(tiny(module), spec)
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params
    assert "encoder" not in params
    zero = jnp.zeros(2, jnp.int32)
    seen = Observation(zero, zero, jnp.zeros(2), zero, jnp.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]]))
    carry, action = algorithm.policy.act(params, (), seen, jax.random.key(0))
    _, again = algorithm.policy.act(params, (), seen, jax.random.key(1))
    assert carry == () and action.shape == (2, 2) and abs(action).max() < 1.0
    np.testing.assert_array_equal(action, again)


@pytest.mark.parametrize("vectors", [True, False], ids=["vectors are the actions", "vectors stand for items"])
def test_noise_is_measured_against_the_numbers_of_an_action(vectors):
    """A unit vector of 16 numbers has them at a quarter of one in the mean square."""
    space = {"num_items": 0, "action_size": 16} if vectors else {"num_items": 6}
    config, spec = tiny(ddpg, width=16), EnvironmentSpec(num_users=1, max_turn=9, observation_size=3, **space)
    agent = continuous.make_agent(config, spec, num_critics=1)
    still = jnp.zeros((2000, 16))
    scale = 1.0 if vectors else 0.25

    def noise(std, *largest):
        sample = continuous.with_gaussian_noise(agent, lambda params, now: still, std, *largest)
        return np.asarray(sample({}, still, jax.random.key(0)))

    np.testing.assert_allclose(noise(0.1).std(), 0.1 * scale, rtol=0.02)
    assert abs(noise(0.2, 0.3)).max() == np.float32(0.3 * scale)
    assert abs(noise(9.0)).max() == 1.0


def test_td3_moves_actor_and_targets_at_every_second_update(monkeypatch):
    _, _, algorithm = linear.loss_of(monkeypatch, td3, num_updates=1)
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    update = jax.jit(algorithm.learner.update)
    one, _ = update(state, linear.two_steps(), jax.random.key(1))
    two, _ = update(one, linear.two_steps(), jax.random.key(2))

    def moved(before, after, role, which="params"):
        pair = (jax.tree.leaves(getattr(s, which)[role]) for s in (before, after))
        return any((a != b).any() for a, b in zip(*pair, strict=True))

    assert moved(state, one, "critic") and not moved(state, one, "actor")
    assert moved(one, two, "critic") and moved(one, two, "actor")
    for role in ("actor", "critic"):
        assert not moved(state, one, role, "target_params") and moved(one, two, role, "target_params")


def test_epsilon_falls_linearly_and_stays():
    config = dqn.defaults()
    config.update({"num_envs": 10, "epsilon_first": 1.0, "epsilon_last": 0.1, "epsilon_steps": 100})
    found = dqn.epsilon(config, jnp.array([0, 5, 10, 1000]))
    np.testing.assert_allclose(found, [1.0, 0.55, 0.1, 0.1], rtol=1e-6)


@pytest.mark.parametrize(("epsilon", "kinds"), [(0.0, 1), (1.0, 6)])
def test_dqn_explores_as_often_as_epsilon_says(epsilon, kinds):
    """One item is the best of all whatever the history: without chance it is the only one ever taken."""
    config = tiny(dqn, epsilon_first=epsilon, epsilon_last=epsilon, hidden=())
    env, env_params, spec = problems.environment(problems.tastes(), exits=False, max_turn=4)
    algorithm = dqn.make(config, spec)
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params
    params["values"]["Dense_0"]["bias"] = jnp.eye(6)[3]
    state = jax.jit(algorithm.source.init)(env_params, params, jax.random.key(1))
    _, batch = jax.jit(algorithm.source.next)(env_params, state, params, jax.random.key(2))
    assert len(set(np.asarray(batch.action).tolist())) == kinds


def test_dqn_needs_items():
    with pytest.raises(JaxrecError, match="dqn chooses among items"):
        dqn.make(dqn.defaults(), linear.VECTOR)

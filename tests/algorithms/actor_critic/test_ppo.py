"""PPO: one update by hand, minibatches that are epochs, and that it learns."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.actor_critic import ppo, user_state
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Steps
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.training.sources import OnPolicyBatch


def observed(item, feedback, turn):
    item, turn = jnp.array([item], jnp.int32), jnp.array([turn], jnp.int32)
    return Observation(jnp.zeros_like(item), item, jnp.array([feedback]), turn, jnp.zeros((1, 0)))


def two_steps(policy) -> OnPolicyBatch:
    """One user: items 1 and 2 of 4, rewards 2 and 1."""
    first, second = observed(0, 0.0, 0), observed(1, 2.0, 1)
    carries = [user_state.push(policy.init({}, 1), first)]
    carries.append(user_state.push(carries[0], second))

    def stack(*parts):
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)

    never = jnp.zeros((2, 1), bool)
    action, reward = jnp.array([[1], [2]], jnp.int32), jnp.array([[2.0], [1.0]])
    steps = Steps(stack(first, second), action, reward, never, never, ~never, stack(*carries))
    return OnPolicyBatch(steps, observed(2, 1.0, 2), carries[1])


def test_update_by_hand():
    """Weights zero: value 0, uniform policy, ratio 1. Rewards over 2 are 1 and 0.5; advantages 1.25 and 0.5, normalised
    1 and -1; so that one step of plain descent moves the logits by (e_1 - e_2) / 2 and the value by 0.5 * 0.875."""
    spec = EnvironmentSpec(num_users=1, num_items=4, max_turn=9, reward_range=(0.0, 2.0))
    config = ppo.defaults()
    config.update({"width": 4, "hidden": (8,), "window": 1, "discount": 0.5, "gae_lambda": 1.0, "entropy_weight": 0.1})
    config.update({"num_epochs": 1, "num_minibatches": 1})
    config.optimizer.update({"name": "sgd", "b1": 0.0, "learning_rate": 1.0, "clip_norm": 0.0})
    algorithm = ppo.make(config, spec)
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    state = state.replace(params=jax.tree.map(jnp.zeros_like, state.params))
    update = jax.jit(algorithm.learner.update)
    after, metrics = update(state, two_steps(algorithm.policy), jax.random.key(1))
    heads = after.params["actor_critic"]
    np.testing.assert_allclose(heads["actor"]["bias"], [0.0, 0.5, -0.5, 0.0], atol=1e-5)
    np.testing.assert_allclose(heads["critic"]["bias"], [0.5 * 0.875], rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/policy"], 0.0, atol=1e-6)
    np.testing.assert_allclose(metrics["loss/value"], 0.5 * 0.5 * (1.25**2 + 0.5**2) / 2, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/entropy"], -0.1 * np.log(4.0), rtol=1e-5)
    np.testing.assert_allclose(metrics["rollout/R_avg"], 1.5)


def test_each_epoch_is_a_permutation_cut_into_equal_parts():
    order = np.asarray(ppo.minibatch_rows(jax.random.key(0), 14, num_epochs=3, num_minibatches=4))
    assert order.shape == (12, 3)
    for epoch in order.reshape(3, 12):
        assert len(set(epoch.tolist())) == 12
    assert (order.reshape(3, 12)[0] != order.reshape(3, 12)[1]).any()


def test_more_minibatches_than_steps_are_refused():
    config = ppo.defaults()
    config.update({"num_envs": 2, "num_steps": 2, "num_minibatches": 5})
    with pytest.raises(JaxrecError, match="num_minibatches is 5, but a rollout has 4 steps"):
        ppo.make(config, EnvironmentSpec(1, 4, 9))

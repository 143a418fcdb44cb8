"""Off-policy learners of one number of state and one of action, without hidden layers: all gradients by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.algorithms.actor_critic import continuous, off_policy
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.training.sources import Transitions

# Two steps of one episode, s0 -> s1 -> the end, with their actions and rewards.
STATES, ACTIONS, REWARDS = np.array([0.5, -1.0]), np.array([0.3, -0.7]), np.array([0.2, 1.0])
VECTOR = EnvironmentSpec(num_users=1, num_items=0, max_turn=9, observation_size=1, action_size=1)
DISCOUNT = 0.5


def observed(state) -> Observation:
    """Observation [B] of states [B]."""
    vector = jnp.asarray(state, jnp.float32)[:, None]
    zero = jnp.zeros(len(vector), jnp.int32)
    return Observation(zero, zero, jnp.zeros(len(vector)), zero, vector)


def two_steps(action=None, carry=None, next_carry=None) -> Transitions:
    """The transitions s0 -> s1 and s1 -> the end, whose successor is another episode's state."""
    vectors = jnp.asarray(ACTIONS, jnp.float32)[:, None]
    return Transitions(
        observation=observed(STATES),
        carry=carry or continuous.HistoryAndAction((), vectors),
        action=vectors if action is None else action,
        reward=jnp.asarray(REWARDS, jnp.float32),
        terminated=jnp.array([False, True]),
        next_observation=observed([STATES[1], 77.0]),
        next_carry=next_carry or continuous.HistoryAndAction((), jnp.full((2, 1), 55.0)),
        weight=jnp.ones(2),
    )


def loss_of(monkeypatch, module, spec=VECTOR, **changes):
    """(init_params, loss_fn, algorithm) of an off-policy algorithm; without hidden layers unless said otherwise."""
    caught = {}
    make = off_policy.algorithm

    def catch(config, spec, init_params, loss_fn, **rest):
        caught.update(init=init_params, loss=loss_fn)
        return make(config, spec, init_params, loss_fn, **rest)

    monkeypatch.setattr(off_policy, "algorithm", catch)
    config = module.defaults()
    config.update({"hidden": (), "discount": DISCOUNT} | changes)
    algorithm = module.make(config, spec)
    return caught["init"], caught["loss"], algorithm


def dense(kernel, bias):
    return {"Dense_0": {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}}


def critics(*rows):
    """Q = w_s s + w_a a + b for each (w_s, w_a, b)."""
    rows = np.array(rows)
    return {"networks": dense(rows[:, :2, None], rows[:, 2:])}


def gradient(loss_fn, params, target_params, batch, term, key=None):
    """Gradient of one term."""
    key = jax.random.key(0) if key is None else key
    return jax.jit(jax.grad(lambda p: loss_fn(p, target_params, batch, key)[0][term]))(params)


def critic_gradient(found):
    """[C, 3] (w_s, w_a, b)."""
    layer = found["critic"]["networks"]["Dense_0"]
    return np.concatenate([layer["kernel"][..., 0], layer["bias"]], axis=1)


def values(row, state, action):
    return row[0] * state + row[1] * action + row[2]


def squared_error_gradient(row, target):
    """d/d(w_s, w_a, b) of the mean half squared error over the two steps."""
    error = values(row, STATES, ACTIONS) - target
    return [(error * STATES).mean(), (error * ACTIONS).mean(), error.mean()]

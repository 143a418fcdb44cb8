"""One-step temporal differences, per transition [...]; the caller averages."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def td_target(reward: Array, terminated: Array, next_value: Array, *, discount: float) -> Array:
    """Returns reward + discount * next_value, [...], and the reward alone where the episode terminated; a constant."""
    chex.assert_equal_shape([reward, terminated, next_value])
    return jax.lax.stop_gradient(reward + discount * jnp.where(terminated, 0.0, next_value))


def td_loss(value: Array, target: Array) -> Array:
    """Returns half the squared error of C critics [..., C] against one target [...], summed over the critics, [...]."""
    chex.assert_rank(value, target.ndim + 1)
    return 0.5 * jnp.sum(jnp.square(value - jax.lax.stop_gradient(target)[..., None]), axis=-1)


def chosen_value(values: Array, action: Array) -> Array:
    """Returns Q(s, a), [...], of the item `action` int32 [...], from the values of all items [..., A]."""
    chex.assert_rank(values, action.ndim + 1)
    return jnp.take_along_axis(values, action[..., None], axis=-1)[..., 0]


def double_q_value(values: Array, target_values: Array) -> Array:
    """Returns the value [...] of the next state: the online network chooses the action, the target network evaluates it
    (van Hasselt et al. 2016, Eq. 4).

    Args:
      values, target_values: float32 [..., A], Q of the online and of the target network at the next state.
    """
    chex.assert_equal_shape([values, target_values])
    return chosen_value(target_values, jnp.argmax(values, axis=-1))

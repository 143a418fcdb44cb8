"""Advantages of one sequence of T steps; callers vmap over the batch.

Arguments shared by the functions, each [T] unless said otherwise:
  reward: float32, the reward of the action of step t.
  value: float32, the estimated value of the state of step t, before its action.
  bootstrap_value: float32 scalar, the estimated value of the state after the last step.
  terminated, truncated: bool, whether the episode ended at step t by its own rule, or was cut off by a time limit.
  final_value: float32, the estimated value of the state after step t, read where the episode was cut off only; or None.

After a terminated step no reward follows, so its target is its reward alone. After a truncated step rewards would have
followed, so its target includes the value of the state after it. With automatic resets that state is not recorded: the
next observation is of a new episode, and value[t + 1] is not its value. The caller either hands its value over as
`final_value`, or leaves it out. Then the advantage of the truncated step is 0 and `has_target` is False there, so that
the loss leaves the step out; the steps before it still bootstrap from value[t], of a state of their own episode.
"""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def generalized_advantages(
    reward: Array,
    value: Array,
    bootstrap_value: Array,
    terminated: Array,
    truncated: Array,
    *,
    discount: float,
    gae_lambda: float,
    final_value: Array | None = None,
) -> Array:
    """Returns the generalised advantage estimates [T] (Schulman et al. 2016, Eq. 16); with `value` added they are the
    lambda-returns.

    Args:
      discount: per step. gae_lambda: lambda.
    """
    chex.assert_rank([reward, value, terminated, truncated], 1)
    at_end = _end_value(value, terminated, final_value)
    with_target = has_target(terminated, truncated, final_value)
    ended = terminated | truncated
    following = jnp.concatenate([value[1:], jnp.reshape(bootstrap_value, (1,))])
    error = reward + discount * jnp.where(ended, at_end, following) - value
    error = jnp.where(with_target, error, 0.0)
    decay = jnp.where(ended, 0.0, discount * gae_lambda)

    def backward(advantage: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        error_t, decay_t = step
        advantage = error_t + decay_t * advantage
        return advantage, advantage

    return jax.lax.scan(backward, jnp.zeros((), error.dtype), (error, decay), reverse=True)[1]


def has_target(terminated: Array, truncated: Array, final_value: Array | None = None) -> Array:
    """Returns bool [T], False at truncated steps whose state afterwards has no value (no `final_value`)."""
    if final_value is not None:
        return jnp.ones_like(terminated)
    return terminated | ~truncated


def _end_value(value: Array, terminated: Array, final_value: Array | None) -> Array:
    """Returns the value [T] of the state after the last step of an episode."""
    if final_value is None:
        return jnp.zeros_like(value)
    return jnp.where(terminated, 0.0, final_value)

"""Advantages of one sequence of steps [T]; callers vmap over the batch.

Arguments shared by all functions here, each [T] unless said otherwise:
  reward: float32, paid for the action of step t.
  value: float32, estimate of the state the action of step t was chosen in.
  bootstrap_value: float32 scalar, estimate of the state after the last step.
  terminated, truncated: bool, the episode ended at step t by its own rule, or was cut off by the clock.

Termination means there is nothing after: no bootstrap. Truncation means there is something after that the clock hides:
bootstrap from the state the cut-off step led to. With auto-reset that state is not recorded (the next observation opens
a new episode), so value[t + 1] must not be used for it. Either hand its estimate in as `final_value` [T] (read where
truncated only), or leave it out: the cut-off step then returns its own value (advantage 0) and `trained` says that it
is to be left out of the loss, while the steps before it bootstrap from value[t], which is a state of their own episode.
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
    """Generalised advantage estimates [T] (Schulman et al. 2016, Eq. 16); `+ value` gives the lambda-returns."""
    chex.assert_rank([reward, value, terminated, truncated], 1)
    at_end = _end_value(value, terminated, final_value)
    known = trained(terminated, truncated, final_value)
    ended = terminated | truncated
    following = jnp.concatenate([value[1:], jnp.reshape(bootstrap_value, (1,))])
    error = reward + discount * jnp.where(ended, at_end, following) - value
    error = jnp.where(known, error, 0.0)
    decay = jnp.where(ended, 0.0, discount * gae_lambda)

    def backward(advantage: Array, step: tuple[Array, Array]) -> tuple[Array, Array]:
        error_t, decay_t = step
        advantage = error_t + decay_t * advantage
        return advantage, advantage

    return jax.lax.scan(backward, jnp.zeros((), error.dtype), (error, decay), reverse=True)[1]


def trained(terminated: Array, truncated: Array, final_value: Array | None = None) -> Array:
    """Bool [T]: steps whose target is known; cut-off steps are not, unless their final value is."""
    if final_value is not None:
        return jnp.ones_like(terminated)
    return terminated | ~truncated


def _end_value(value: Array, terminated: Array, final_value: Array | None) -> Array:
    if final_value is None:
        return jnp.zeros_like(value)
    return jnp.where(terminated, 0.0, final_value)

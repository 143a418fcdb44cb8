"""The terms of soft actor-critic (Haarnoja et al. 2018b), per transition; the caller averages."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.losses import policy_gradient


def tanh_gaussian(mean: Array, log_std: Array, noise: Array) -> tuple[Array, Array]:
    """Returns (actions [..., D] in (-1, 1), their log density [...]) of a normal distribution squashed by tanh
    (appendix C, Eq. 21).

    log(1 - tanh(u)^2) is computed as 2 (log 2 - u - softplus(-2 u)), which does not overflow where tanh is flat.

    Args:
      mean, log_std: float32 [..., D], of the normal distribution. noise: float32 [..., D], standard normal.
    """
    chex.assert_equal_shape([mean, log_std, noise])
    unsquashed = mean + jnp.exp(log_std) * noise
    log_slope = 2.0 * (jnp.log(2.0) - unsquashed - jax.nn.softplus(-2.0 * unsquashed))
    action = jnp.tanh(unsquashed)
    return action, policy_gradient.gaussian_log_prob(mean, log_std, unsquashed) - jnp.sum(log_slope, axis=-1)


def soft_value(value: Array, log_prob: Array, temperature: Array) -> Array:
    """Returns the soft value [...] of a state from one drawn action: the smallest of C critics' values [..., C], minus
    temperature * log_prob [...] (Eq. 3)."""
    chex.assert_rank(value, log_prob.ndim + 1)
    return jnp.min(value, axis=-1) - temperature * log_prob


def actor_loss(value: Array, log_prob: Array, temperature: Array) -> Array:
    """Returns the actor's loss [...], the negative soft value (Eq. 7); the temperature is a constant."""
    return -soft_value(value, log_prob, jax.lax.stop_gradient(temperature))


def temperature_loss(log_temperature: Array, log_prob: Array, *, target_entropy: float) -> Array:
    """Returns the temperature's loss [...] (Eq. 18), which raises the temperature where the policy's entropy lies below
    `target_entropy`, in nats, and lowers it above; the policy is a constant."""
    return -jnp.exp(log_temperature) * jax.lax.stop_gradient(log_prob + target_entropy)

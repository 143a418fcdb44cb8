"""Terms of soft actor-critic (Haarnoja et al. 2018b), per transition: [...] to [...], the caller averages."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.losses import policy_gradient


def tanh_gaussian(mean: Array, log_std: Array, noise: Array) -> tuple[Array, Array]:
    """(action [..., D] in (-1, 1), its log density [...]) for standard normal `noise` [..., D] (appendix C, Eq. 21).

    log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)), which does not overflow where tanh is flat.
    """
    chex.assert_equal_shape([mean, log_std, noise])
    before = mean + jnp.exp(log_std) * noise
    volume = 2.0 * (jnp.log(2.0) - before - jax.nn.softplus(-2.0 * before))
    return jnp.tanh(before), policy_gradient.gaussian_log_prob(mean, log_std, before) - jnp.sum(volume, axis=-1)


def soft_value(value: Array, log_prob: Array, temperature: Array) -> Array:
    """Value [...] of a state by a drawn action: the smallest of C critics [..., C] plus the entropy it adds (Eq. 3)."""
    chex.assert_rank(value, log_prob.ndim + 1)
    return jnp.min(value, axis=-1) - temperature * log_prob


def actor_loss(value: Array, log_prob: Array, temperature: Array) -> Array:
    """What the actor descends (Eq. 7): the negative soft value; the temperature is a constant here."""
    return -soft_value(value, log_prob, jax.lax.stop_gradient(temperature))


def temperature_loss(log_temperature: Array, log_prob: Array, *, target_entropy: float) -> Array:
    """Moves the temperature until the policy's entropy is `target_entropy` nats (Eq. 18); the policy is a constant."""
    return -jnp.exp(log_temperature) * jax.lax.stop_gradient(log_prob + target_entropy)

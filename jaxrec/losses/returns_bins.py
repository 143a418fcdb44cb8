"""Returns as a categorical over equal bins of [0, 1], and the expert's distribution tilted from it (M 3.2, Eq. 3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def centres(num_bins: int) -> jax.Array:
    """float32 [K]: the middle of each bin of [0, 1]."""
    return (jnp.arange(num_bins, dtype=jnp.float32) + 0.5) / num_bins


def bin_of(returns: jax.Array, num_bins: int) -> jax.Array:
    """int32, the bin of each normalised return; what lies outside [0, 1] falls in the nearest bin."""
    return jnp.clip(jnp.floor(returns * num_bins), 0, num_bins - 1).astype(jnp.int32)


def expert_logits(bin_logits: jax.Array, inverse_temperature: float) -> jax.Array:
    """log P(R | expert) + constant, [..., K]: M Eq. 3, P(R | expert) proportional to exp(kappa R) P(R)."""
    tilt = inverse_temperature * centres(bin_logits.shape[-1])
    return bin_logits + tilt.reshape((1,) * (bin_logits.ndim - 1) + (-1,))


def expected_return(bin_logits: jax.Array) -> jax.Array:
    """Mean bin centre [...] under softmax(bin_logits [..., K])."""
    return jax.nn.softmax(bin_logits) @ centres(bin_logits.shape[-1])


def sample_return(key: jax.Array, bin_logits: jax.Array) -> jax.Array:
    """A bin centre [...] drawn from softmax(bin_logits [..., K])."""
    return centres(bin_logits.shape[-1])[jax.random.categorical(key, bin_logits)]

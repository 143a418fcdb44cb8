"""Distributions over K equal bins of the normalised return, and the expert's distribution over them (M 3.2, Eq. 3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def centres(num_bins: int) -> jax.Array:
    """Returns float32 [K], the centre of each bin of [0, 1]."""
    return (jnp.arange(num_bins, dtype=jnp.float32) + 0.5) / num_bins


def bin_index(returns: jax.Array, num_bins: int) -> jax.Array:
    """Returns int32 [...], the bin of each normalised return [...]; a return outside [0, 1] has the nearest bin."""
    return jnp.clip(jnp.floor(returns * num_bins), 0, num_bins - 1).astype(jnp.int32)


def expert_logits(bin_logits: jax.Array, inverse_temperature: float) -> jax.Array:
    """Returns the logits [..., K] of P(R_t | expert), which is proportional to exp(kappa R_t) P(R_t) (M Eq. 3).

    Args:
      bin_logits: float32 [..., K], of P(R_t). inverse_temperature: kappa.
    """
    tilt = inverse_temperature * centres(bin_logits.shape[-1])
    return bin_logits + tilt.reshape((1,) * (bin_logits.ndim - 1) + (-1,))


def expected_return(bin_logits: jax.Array) -> jax.Array:
    """Returns the mean return [...] under the distribution softmax(bin_logits [..., K])."""
    return jax.nn.softmax(bin_logits) @ centres(bin_logits.shape[-1])


def sample_return(gumbel: jax.Array, bin_logits: jax.Array) -> jax.Array:
    """Draws returns [...], centres of bins, from the distribution softmax(bin_logits [..., K]) by the Gumbel-max trick.

    Args:
      gumbel, bin_logits: float32 [..., K], the first drawn from the standard Gumbel distribution.
    """
    return centres(bin_logits.shape[-1])[jnp.argmax(gumbel + bin_logits, axis=-1)]

"""Losses of padded sequences: the sum over real positions, divided by their number."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, label: jax.Array) -> jax.Array:
    """Returns -log softmax(logits)[label], a scalar (L Eq. 8; T 4.14, 4.16).

    Args:
      logits: float32 [A]. label: int32 scalar.
    """
    chex.assert_rank([logits, label], [1, 0])
    chex.assert_type([logits, label], [float, int])
    return jax.nn.logsumexp(logits) - logits[label]


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns the mean of `values` [...] where `mask` [...] is True, a scalar; 0 where it is True nowhere."""
    chex.assert_equal_shape([values, mask])
    return jnp.where(mask, values, 0.0).sum() / jnp.maximum(mask.sum(), 1)

"""Losses over padded sequences: a sum and a count, divided once."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp


def cross_entropy(logits: jax.Array, label: jax.Array) -> jax.Array:
    """-log softmax(logits [A])[label], a scalar; `label` is an int32 scalar (L Eq. 8; T 4.14, 4.16)."""
    chex.assert_rank([logits, label], [1, 0])
    chex.assert_type([logits, label], [float, int])
    return jax.nn.logsumexp(logits) - logits[label]


def masked_mean(values: jax.Array, mask: jax.Array) -> jax.Array:
    """Sum of `values` where `mask` over how many there are; 0 where there are none."""
    chex.assert_equal_shape([values, mask])
    return jnp.where(mask, values, 0.0).sum() / jnp.maximum(mask.sum(), 1)

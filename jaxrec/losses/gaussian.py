"""Likelihood of numbers predicted with a mean and a variance."""

from __future__ import annotations

import chex
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def gaussian_nll(mean: Array, variance: Array, target: Array) -> Array:
    """-log N(target; mean, variance) [...] without its constant log(2 pi) / 2, in nats (Lakshminarayanan et al. 2017,
    Eq. 1)."""
    chex.assert_equal_shape([mean, variance, target])
    return 0.5 * (jnp.log(variance) + jnp.square(target - mean) / variance)

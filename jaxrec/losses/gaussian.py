"""The likelihood of numbers for which a mean and a variance are predicted."""

from __future__ import annotations

import chex
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def gaussian_nll(mean: Array, variance: Array, target: Array) -> Array:
    """Returns -log N(target; mean, variance), [...], in nats and without the constant log(2 pi) / 2 (Lakshminarayanan
    et al. 2017, Eq. 1); all arguments are float32 [...]."""
    chex.assert_equal_shape([mean, variance, target])
    return 0.5 * (jnp.log(variance) + jnp.square(target - mean) / variance)

"""Expectile regression (M 3.1, Eqs. 1 and 2)."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp


def expectile_loss(prediction: jax.Array, target: jax.Array, expectile: float) -> jax.Array:
    """Asymmetric squared error of one scalar: weight `expectile` where the target lies above the prediction.

    Our reading: M Eq. 2 as printed hands the difference over the wrong way round and would give the lower expectile.
    This is the sign of M Theorem 3.1, |expectile - 1(u < 0)| u^2 with u = R - R^, whose minimum nears the largest
    return as the expectile nears 1.
    """
    chex.assert_rank([prediction, target], 0)
    chex.assert_type([prediction, target], float)
    difference = target - prediction
    return jnp.where(difference > 0, expectile, 1.0 - expectile) * difference**2

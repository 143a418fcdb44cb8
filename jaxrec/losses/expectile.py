"""Expectile regression (M 3.1, Eqs. 1 and 2)."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp


def expectile_loss(prediction: jax.Array, target: jax.Array, expectile: float) -> jax.Array:
    """Returns L_2^alpha(u) = |alpha - 1(u < 0)| u^2 of u = target - prediction, a scalar (M Eqs. 1 and 2).

    The squared error has the weight alpha where the target lies above the prediction, and 1 - alpha where it lies
    below. Our reading of the sign: M Eq. 2 as printed has u = R^ - R, whose minimum is a lower expectile. With
    u = R - R^, as in M Theorem 3.1, the minimum approaches the largest return as alpha approaches 1.

    Args:
      prediction: float32 scalar, R^. target: float32 scalar, R. expectile: alpha, in (0, 1).
    """
    chex.assert_rank([prediction, target], 0)
    chex.assert_type([prediction, target], float)
    difference = target - prediction
    return jnp.where(difference > 0, expectile, 1.0 - expectile) * difference**2

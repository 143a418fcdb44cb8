"""The contrastive loss between a model's outputs under the logged return and under a wrong one (DT4Rec, WWW 2023)."""

from __future__ import annotations

import chex
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def prompt_contrast(positive: Array, negative: Array, distance: Array) -> Array:
    """Returns distance * |cos(positive, negative)|, a scalar that is 0 for orthogonal outputs.

    The farther apart the two returns are, the more their outputs may not resemble each other. Our reading: the weight
    is the distance itself, and orthogonal outputs are different enough. Without the absolute value the best output
    under the wrong return would be the opposite of the other one, and a linear head would reverse every action.

    Args:
      positive, negative: float32 [D], the outputs under the logged and under the wrong return.
      distance: float32 scalar, the absolute difference of the two normalised returns.
    """
    chex.assert_rank([positive, negative, distance], [1, 1, 0])
    chex.assert_type([positive, negative, distance], float)
    scale = jnp.sqrt(jnp.maximum(jnp.sum(positive**2) * jnp.sum(negative**2), 1e-12))
    return distance * jnp.abs(jnp.sum(positive * negative)) / scale

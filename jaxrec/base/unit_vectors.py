"""The directions of vectors, for cosines."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

_SHORTEST = 1e-6  # a shorter vector has no direction that float32 could tell


def unit_vectors(vectors: Any, xp: Any = jnp) -> Any:
    """Scales vectors [..., D] to length 1; a vector shorter than 1e-6 stays as it is, so that zero stays zero.

    Args:
      vectors: float [..., D].
      xp: `jax.numpy`, or `numpy` for tables on the host.

    Returns:
      float [..., D]. The gradient is finite everywhere, also at zero.
    """
    squares = xp.sum(vectors * vectors, axis=-1, keepdims=True)
    has_direction = squares > _SHORTEST**2
    # Where twice: the gradient of sqrt at 0 is infinite, and 0 times infinity is no number.
    length = xp.where(has_direction, xp.sqrt(xp.where(has_direction, squares, 1.0)), 1.0)
    return vectors / length

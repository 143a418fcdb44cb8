"""Every place of a sequence as a window of its own, for models whose whole input depends on where they stand."""

from __future__ import annotations

import jax.numpy as jnp

from jaxrec.types import Array


def prefixes(length: int, item: Array, feedback: Array, mask: Array) -> tuple[Array, Array, Array]:
    """(item, feedback, mask), each [B, T, length]: the last `length` real items up to each place, padded at the end.

    Args:
      item int32, feedback float32, mask bool: [B, T], padded at the end.
    """
    last = jnp.arange(item.shape[1])[:, None]
    place = jnp.maximum(last - length + 1, 0) + jnp.arange(length)[None]
    inside = place <= last
    place = jnp.minimum(place, item.shape[1] - 1)
    seen = inside[None] & mask[:, place]
    return jnp.where(seen, item[:, place], 0), jnp.where(seen, feedback[:, place], 0.0), seen

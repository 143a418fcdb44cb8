"""Every place of a sequence as a window of its own, for models whose whole input depends on where they stand."""

from __future__ import annotations

import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.models.history import EVERY


def prefixes(
    length: int, item: Array, feedback: Array, mask: Array, places: Array | str = EVERY
) -> tuple[Array, Array, Array]:
    """(item, feedback, mask), each [B, P, length]: the last `length` real items up to each place, padded at the end.

    Args:
      item int32, feedback float32, mask bool: [B, T], padded at the end. places: int32 [B, P], or `EVERY` of the T.
    """
    last = (jnp.arange(item.shape[1])[None] if isinstance(places, str) else places)[..., None]
    place = jnp.maximum(last - length + 1, 0) + jnp.arange(length)[None, None]
    inside = place <= last
    place = jnp.minimum(place, item.shape[1] - 1)
    item, feedback, seen = (jnp.take_along_axis(x[:, None], place, axis=2) for x in (item, feedback, mask))
    seen = seen & inside
    return jnp.where(seen, item, 0), jnp.where(seen, feedback, 0.0), seen

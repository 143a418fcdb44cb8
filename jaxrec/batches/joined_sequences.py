"""Sequences put behind what came before them, so that a model reads both as one."""

from __future__ import annotations

import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.base.records import Sequences


def join(before: Sequences, sequences: Sequences) -> tuple[Sequences, Array]:
    """Puts each sequence right behind the items that came before it.

    Args:
      before: Sequences [B, H]. sequences: Sequences [B, T]. Both are padded at the end.

    Returns:
      (Sequences [B, H + T], padded at the end; int32 [B], the position at which each of `sequences` begins).
    """
    start = before.mask.sum(1)
    width = before.item.shape[1]
    position = jnp.arange(width + sequences.item.shape[1])[None]
    source = jnp.where(position < start[:, None], position, position - start[:, None] + width)
    inside = source < width + sequences.item.shape[1]

    def joined(a: Array, b: Array) -> Array:
        both = jnp.concatenate([a, b], axis=1)
        return jnp.take_along_axis(both, jnp.where(inside, source, 0), axis=1) * inside.astype(both.dtype)

    parts = (joined(getattr(before, leaf), getattr(sequences, leaf)) for leaf in ("item", "feedback", "mask"))
    return Sequences(*parts, sequences.user), start

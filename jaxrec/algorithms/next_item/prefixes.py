"""Rows longer than an encoder's window, and models that encode every prefix of a row separately.

A row [B, T] is padded at the end. The prefix of position t is the last `length` items at or before t, moved to the
front of a window of its own.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from jaxrec.base.contracts import Array

Rows = tuple[Array, Array, Array]  # item int32, feedback float32, mask bool, each [B, T] or [B, P, length]
Encode = Callable[
    ..., Array
]  # (item, feedback, mask[, positions], method=...): a `SequenceEncoder` with its parameters


def every_position(item: Array) -> Array:
    """Returns the positions 0, ..., T - 1 of rows [B, T], int32 [1, T]."""
    return jnp.arange(item.shape[1])[None]


def prefix_windows(item: Array, feedback: Array, mask: Array, positions: Array, *, length: int) -> Rows:
    """Cuts the prefix of each position out of its row: (item, feedback, mask), each [B, P, length], padded at the end.

    Args:
      item, feedback, mask: [B, T]. positions: int32 [B or 1, P].
    """
    last = positions[..., None]
    source = jnp.maximum(last - length + 1, 0) + jnp.arange(length)[None, None]
    inside = source <= last
    source = jnp.minimum(source, item.shape[1] - 1)
    item, feedback, real = (jnp.take_along_axis(x[:, None], source, axis=2) for x in (item, feedback, mask))
    real = real & inside
    return jnp.where(real, item, 0), jnp.where(real, feedback, 0.0), real


def row_states(encode: Encode, item: Array, feedback: Array, mask: Array, *, length: int) -> Array:
    """Returns the states [B, T, D] after every position of rows of any length.

    The first `length` positions are encoded in one pass; each later one has a window of its last `length` items.
    """
    rows = (item, feedback, mask)
    first = encode(*(_pad_to(x[:, :length], length) for x in rows), method="states")
    later = item.shape[1] - length
    if later <= 0:
        return first[:, : item.shape[1]]
    source = jnp.arange(later)[:, None] + 1 + jnp.arange(length)[None]
    return jnp.concatenate([first, encode(*(x[:, source] for x in rows))], axis=1)


def row_states_at(encode: Encode, item: Array, feedback: Array, mask: Array, positions: Array, *, length: int) -> Array:
    """Returns the states [B, P, D] after the positions int32 [B, P] of rows of any length."""
    if item.shape[1] <= length:
        return encode(*(_pad_to(x, length) for x in (item, feedback, mask)), positions, method="states_at")
    windows = prefix_windows(item, feedback, mask, positions, length=length)
    newest = jnp.minimum(positions, length - 1)[..., None]
    return encode(*windows, newest, method="states_at")[..., 0, :]


def _pad_to(values: Array, length: int) -> Array:
    """Fills [B, T] up to [B, length] with zeros at the end."""
    return jnp.pad(values, ((0, 0), (0, length - values.shape[1])))

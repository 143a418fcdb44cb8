"""Work on many rows in chunks of equal size, so that only what one chunk needs is held at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def chunk_rows(rows: Any, most: int) -> Any:
    """Cuts arrays into chunks of rows.

    Args:
      rows: a pytree of arrays [R, ...] that share R.
      most: the largest number of rows in a chunk, 1 or more.

    Returns:
      The same tree of arrays [C, r, ...]: as few chunks as `most` allows, and as few rows in each as C allows. Where R
      is no multiple of r, the last chunk is filled up with zeros (a weight of 0, a mask of False).
    """
    size = len(jax.tree.leaves(rows)[0])
    width = -(-size // max(-(-size // most), 1))
    count = -(-size // max(width, 1))

    def chunks_of(values: jax.Array) -> jax.Array:
        padded = jnp.pad(values, [(0, count * width - size)] + [(0, 0)] * (values.ndim - 1))
        return padded.reshape(count, width, *values.shape[1:])

    return jax.tree.map(chunks_of, rows)


def join_chunks(chunks: Any, num_rows: int) -> Any:
    """Undoes `chunk_rows`: arrays [C, r, ...] of a pytree become arrays [num_rows, ...], without the filled-up rows."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:num_rows], chunks)


def map_chunks(function: Callable[..., Any], rows: tuple[jax.Array, ...], most: int) -> Any:
    """Computes `function(*rows)` with at most so many rows at a time, one chunk after the other.

    Args:
      function: takes arrays [r, ...] and returns a pytree of arrays [r, ...], each row from the same row alone.
      rows: arrays [R, ...] that share R.
      most: the largest number of rows at a time; where all fit, `function` is called once, with `rows` as they are.

    Returns:
      A pytree of arrays [R, ...].
    """
    size = len(rows[0])
    if size <= most:
        return function(*rows)
    return join_chunks(jax.lax.map(lambda chunk: function(*chunk), chunk_rows(rows, most)), size)

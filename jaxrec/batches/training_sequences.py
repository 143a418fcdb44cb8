"""Batches of training sequences, drawn one independent of the other."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.base.records import NextItem, Sequences


def random_sequences(batch_size: int) -> Callable[[NextItem, Array], Sequences]:
    """Makes a view for `sources.logged` of B training sequences, drawn uniformly with replacement.

    Returns:
      `view(data, key) -> Sequences` [B, T].
    """

    def view(data: NextItem, key: Array) -> Sequences:
        row = jax.random.randint(key, (batch_size,), 0, data.train.item.shape[0])
        return jax.tree.map(lambda x: jnp.take(x, row, axis=0), data.train)

    return view

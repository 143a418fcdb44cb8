"""Unexpected returns of HDT, across sessions and inside one: how dissimilar the items are that a user meets (T 5.2,
T 5.8).

The dissimilarity dis of items is 1 less the mean cosine over all their pairs.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.algorithms.next_item import objective_returns
from jaxrec.base.contracts import Array

_ROWS = 256  # of cosines held at once


@struct.dataclass
class ItemsSeen:
    """Running sums over the items of a user's sessions so far, from which their dissimilarity follows.

    Attributes:
      vector_sum: float32 [B, E]. square_sum: float32 [B], of the vectors' squared lengths. count: float32 [B].
    """

    vector_sum: Array
    square_sum: Array
    count: Array

    def add_session(self, vectors: Array, mask: Array) -> ItemsSeen:
        """Adds the items of one session: vectors float32 [B, T, E] of length 1 or 0, mask bool [B, T]."""
        vectors = jnp.where(mask[..., None], vectors, 0.0)
        squares = jnp.sum(vectors**2, (1, 2))
        return ItemsSeen(self.vector_sum + vectors.sum(1), self.square_sum + squares, self.count + mask.sum(1))

    def dissimilarity(self) -> Array:
        """Returns dis(C_1, ..., C_c) [B] over all items of the sessions (T 5.2); 0 of fewer than two items."""
        pairs = self.count * (self.count - 1)
        mean = (jnp.sum(self.vector_sum**2, -1) - self.square_sum) / jnp.maximum(pairs, 1.0)
        return jnp.where(self.count > 1, 1.0 - mean, 0.0)


def no_items_seen(batch_size: int, size: int) -> ItemsSeen:
    """Returns the sums before a user's first session, for B users and vectors of E numbers."""
    return ItemsSeen(jnp.zeros((batch_size, size)), jnp.zeros(batch_size), jnp.zeros(batch_size))


def intra_session_returns(vectors: Array, mask: Array) -> Array:
    """Returns R_{c,t} [..., T]: the dissimilarity of the whole session less that of its first t items (T 5.8), 0 at
    the last step and on padding.

    Args:
      vectors: float32 [..., T, E] of length 1 or 0, of all items of the session. mask: bool [..., T].
    """
    dissimilarity = 1.0 - objective_returns.similarity(vectors, mask)
    last = jnp.maximum(mask.sum(-1, keepdims=True) - 1, 0)
    whole_session = jnp.take_along_axis(dissimilarity, last, axis=-1)
    return jnp.where(mask, whole_session - dissimilarity, 0.0)


def largest_dissimilarity(vectors: Array) -> Array:
    """Returns dis_max, a scalar: 1 less the smallest cosine between two items of the catalogue (T 5.2).

    Args:
      vectors: float32 [A, E] of length 1 or 0. A few rows of the A x A cosines are held at a time.
    """
    size = min(_ROWS, vectors.shape[0])
    missing = -vectors.shape[0] % size
    rows = jnp.concatenate([vectors, vectors[:missing]]).reshape(-1, size, vectors.shape[1])
    return 1.0 - jax.lax.map(lambda part: jnp.min(part @ vectors.T), rows).min()

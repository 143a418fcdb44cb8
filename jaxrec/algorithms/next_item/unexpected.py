"""Unexpected returns of sessions and inside them (T 5.2, 5.8): how unlike each other the items are that users meet."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.algorithms.next_item import objective_returns
from jaxrec.base.contracts import Array

_ROWS = 256  # of cosines held at once


@struct.dataclass
class Met:
    """Sums over the items of a user's sessions so far: total float32 [B, E], own and count float32 [B]."""

    total: Array
    own: Array
    count: Array

    def and_those_of(self, vectors: Array, mask: Array) -> Met:
        """Joined by the items of a session: vectors float32 [B, T, E] of length 1 or 0, mask bool [B, T]."""
        vectors = jnp.where(mask[..., None], vectors, 0.0)
        own = jnp.sum(vectors**2, (1, 2))
        return Met(self.total + vectors.sum(1), self.own + own, self.count + mask.sum(1))

    def dissimilarity(self) -> Array:
        """[B], 1 less the mean cosine over all pairs of items met; 0 before there are two."""
        pairs = self.count * (self.count - 1)
        mean = (jnp.sum(self.total**2, -1) - self.own) / jnp.maximum(pairs, 1.0)
        return jnp.where(self.count > 1, 1.0 - mean, 0.0)


def nothing_met(batch_size: int, size: int) -> Met:
    """Before a user's first session."""
    return Met(jnp.zeros((batch_size, size)), jnp.zeros(batch_size), jnp.zeros(batch_size))


def inside(vectors: Array, mask: Array) -> Array:
    """[..., T], how much more unlike each other a session's items become after step t (T 5.8); 0 at the last one.

    Args:
      vectors: float32 [..., T, E] of length 1 or 0, of all the session's items. mask: bool [..., T], a prefix.
    """
    unlike = 1.0 - objective_returns.similarity(vectors, mask)
    last = jnp.maximum(mask.sum(-1, keepdims=True) - 1, 0)
    return jnp.where(mask, jnp.take_along_axis(unlike, last, axis=-1) - unlike, 0.0)


def largest(vectors: Array) -> Array:
    """dis_max, a scalar: 1 less the smallest cosine between two of the items [A, E], some rows of cosines at a time."""
    size = min(_ROWS, vectors.shape[0])
    missing = -vectors.shape[0] % size
    rows = jnp.concatenate([vectors, vectors[:missing]]).reshape(-1, size, vectors.shape[1])
    return 1.0 - jax.lax.map(lambda part: jnp.min(part @ vectors.T), rows).min()

"""When a user leaves out of boredom: records that answer `leaves(action, recent, count)` (M 4.1; rules of EasyRL4Rec).

The published settings of each dataset, its window N and its threshold, are in `published/easyrl4rec_exit_rules.json`.
`recent` int32 [N] holds the last N actions of the episode, newest first; only its first `count` entries are the window.
"""

from __future__ import annotations

import functools
import operator

import jax.numpy as jnp
import numpy as np
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError

WINDOWS = ("easyrl4rec", "last_n")


def window_size(turn: Array, window: int, mode: str) -> Array:
    """int32: how many of the most recent actions count at turn t (t actions came before).

    `last_n`: min(t, N). `easyrl4rec`: the slice [t - N : t] of a list of t actions, whose start is negative while t < N
    and so counts from the end: t while 2t <= N, then N - t, and N from turn N on.
    """
    if mode == "last_n":
        return jnp.minimum(turn, window)
    return jnp.where(turn < window, jnp.minimum(turn, window - turn), window)


@struct.dataclass
class Distance:
    """Leaves if some item of the window is nearer than `threshold`: D[a, a_j] < threshold, D float32 [A, A] (M 4.1).

    The rule of Coat, YahooR3 and MovieLens-1M."""

    distance: Array
    threshold: Array

    def leaves(self, action: Array, recent: Array, count: Array) -> Array:
        """bool []."""
        near = self.distance[action, recent] < self.threshold
        return jnp.any(near & (jnp.arange(recent.shape[-1]) < count))


@struct.dataclass
class FactorDistance:
    """The distance rule without an A x A matrix: D[a, b] = ||e_a - e_b|| for embeddings float32 [A, D]."""

    embedding: Array
    threshold: Array

    def leaves(self, action: Array, recent: Array, count: Array) -> Array:
        """bool []."""
        difference = self.embedding[action][None, :] - self.embedding[recent]
        near = jnp.sum(difference * difference, -1) < self.threshold * self.threshold
        return jnp.any(near & (jnp.arange(recent.shape[-1]) < count)) & (self.threshold > 0)


@struct.dataclass
class Category:
    """Leaves if some category of `a` occurs more than `threshold` times in the window (M 4.1).

    The rule of KuaiRec (window 9, threshold 1) and KuaiRand (window 10, threshold 0).

    Attributes:
      bits: uint32 [A, ceil(C / 32)], the categories of each item, one bit each.
      threshold: a Python int: the count is kept as threshold + 1 bit planes.
    """

    bits: Array
    threshold: int = struct.field(pytree_node=False)

    def leaves(self, action: Array, recent: Array, count: Array) -> Array:
        """bool []. Plane c has the bit of a category once it occurred more than c times among those of `a`."""
        inside = (jnp.arange(recent.shape[-1]) < count)[:, None]
        words = jnp.where(inside, self.bits[recent], jnp.uint32(0)) & self.bits[action][None, :]
        planes = [jnp.zeros_like(words[0])] * (self.threshold + 1)
        for j in range(recent.shape[-1]):
            for c in range(self.threshold, 0, -1):
                planes[c] = planes[c] | (planes[c - 1] & words[j])
            planes[0] = planes[0] | words[j]
        return jnp.any(planes[-1] != 0)


def column_distances(matrix: np.ndarray) -> np.ndarray:
    """float32 [A, A]: Euclidean distances between the columns of a completed matrix [N, A], zero on the diagonal."""
    matrix = np.asarray(matrix, np.float64)
    gram = matrix.T @ matrix
    squares = np.diag(gram)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2.0 * gram, 0.0))
    np.fill_diagonal(distance, 0.0)
    return distance.astype(np.float32)


def distance_embedding(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """float32 [A, D] whose distances are those between the columns of `user @ item.T`, from the D x D Gram matrix.

    With U'U = Q S Q', ||U v_a - U v_b|| = ||(v_a - v_b) Q S^(1/2)||. The unclipped product: our reading for this form.
    """
    user, item = np.asarray(user, np.float64), np.asarray(item, np.float64)
    values, vectors = np.linalg.eigh(user.T @ user)
    return (item @ vectors * np.sqrt(np.maximum(values, 0.0))).astype(np.float32)


def pack_categories(categories: np.ndarray) -> np.ndarray:
    """uint32 [A, ceil(C / 32)] from multi-hot categories [A, C]."""
    categories = np.asarray(categories)
    if categories.ndim != 2 or not np.isin(categories, (0, 1)).all():
        raise JaxrecError(
            f"item categories are {categories.dtype} {categories.shape}; the category exit rule needs zeros and ones "
            "[A, C]"
        )
    words = -(-max(categories.shape[1], 1) // 32)
    padded = np.zeros((categories.shape[0], words * 32), np.uint32)
    padded[:, : categories.shape[1]] = categories
    shifted = padded.reshape(-1, words, 32) << np.arange(32, dtype=np.uint32)
    return functools.reduce(operator.or_, np.moveaxis(shifted, -1, 0))


def unpack_categories(bits: np.ndarray) -> np.ndarray:
    """bool [A, 32 W] from uint32 [A, W], the inverse of `pack_categories` but for columns of False at the end."""
    return ((bits[:, :, None] >> np.arange(32, dtype=np.uint32)) & 1).astype(bool).reshape(len(bits), -1)

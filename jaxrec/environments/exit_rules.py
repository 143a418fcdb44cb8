"""When a user leaves out of boredom: records with a method `leaves(action, recent, count)` (M 4.1; EasyRL4Rec's rules).

The published settings of each dataset, its window N and its threshold, are in `published/easyrl4rec_exit_rules.json`.
A second method, `compared()`, gives what the rule compares as NumPy arrays, {name: array}.

Arguments of every `leaves`, which returns whether the user leaves, bool []:
  action: int32 [], the item that is recommended now.
  recent: int32 [N], the last N actions of the episode, newest first.
  count: int32 [], how many entries of `recent`, from its start, are the exit window (see `window_size`).
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
    """Returns how many of the most recent actions are in the exit window at turn t, int32 (M 4.1).

    `last_n`: min(t, N). `easyrl4rec` does as the published code, which takes the slice [t - N : t] of the t actions so
    far. While t < N its start is negative and so counts from the end of the list: the window has t actions while
    2t <= N, then N - t, and N from turn N on.

    Args:
      turn: t, int32. window: N. mode: one of `WINDOWS`.
    """
    if mode == "last_n":
        return jnp.minimum(turn, window)
    return jnp.where(turn < window, jnp.minimum(turn, window - turn), window)


@struct.dataclass
class Distance:
    """Leaves if the distance to some item of the exit window is below the threshold: D[a, a_j] < threshold (M 4.1).

    The rule of Coat, YahooR3 and MovieLens-1M.

    Attributes:
      distance: float32 [A, A]. threshold: float32 [], in the unit of ratings.
    """

    distance: Array
    threshold: Array

    def leaves(self, action: Array, recent: Array, count: Array) -> Array:
        """Returns bool []; for the arguments see above."""
        near = self.distance[action, recent] < self.threshold
        return jnp.any(near & (jnp.arange(recent.shape[-1]) < count))

    def compared(self) -> dict[str, np.ndarray]:
        """Returns {"distance": [A, A]}."""
        return {"distance": np.asarray(self.distance)}


@struct.dataclass
class FactorDistance:
    """Leaves by the distance rule without an A x A matrix: D[a, b] = ||e_a - e_b|| (M 4.1).

    Attributes:
      embedding: float32 [A, D], from `distance_embedding`. threshold: float32 [].
    """

    embedding: Array
    threshold: Array

    def leaves(self, action: Array, recent: Array, count: Array) -> Array:
        """Returns bool []; for the arguments see above."""
        difference = self.embedding[action][None, :] - self.embedding[recent]
        near = jnp.sum(difference * difference, -1) < self.threshold * self.threshold
        return jnp.any(near & (jnp.arange(recent.shape[-1]) < count)) & (self.threshold > 0)

    def compared(self) -> dict[str, np.ndarray]:
        """Returns {"vectors": [A, D]}, whose Euclidean distances are compared."""
        return {"vectors": np.asarray(self.embedding)}


@struct.dataclass
class Category:
    """Leaves if some category of the item occurs more than `threshold` times in the exit window (M 4.1).

    The rule of KuaiRec (window 9, threshold 1) and KuaiRand (window 10, threshold 0).

    Attributes:
      bits: uint32 [A, ceil(C / 32)], the categories of each item, one bit each.
      threshold: a Python int, because the counts are kept in threshold + 1 bit planes.
    """

    bits: Array
    threshold: int = struct.field(pytree_node=False)

    def leaves(self, action: Array, recent: Array, count: Array) -> Array:
        """Returns bool []; for the arguments see above.

        Counts the categories of the window by bits: plane c, a set of categories as in `bits`, holds those categories
        of the item that occurred more than c times so far. The user leaves if the last plane is not empty.
        """
        inside = (jnp.arange(recent.shape[-1]) < count)[:, None]
        words = jnp.where(inside, self.bits[recent], jnp.uint32(0)) & self.bits[action][None, :]
        planes = [jnp.zeros_like(words[0])] * (self.threshold + 1)
        for j in range(recent.shape[-1]):
            for c in range(self.threshold, 0, -1):
                planes[c] = planes[c] | (planes[c - 1] & words[j])
            planes[0] = planes[0] | words[j]
        return jnp.any(planes[-1] != 0)

    def compared(self) -> dict[str, np.ndarray]:
        """Returns {"categories": bool [A, C]}."""
        return {"categories": unpack_categories(np.asarray(self.bits))}


def column_distances(matrix: np.ndarray) -> np.ndarray:
    """Returns the Euclidean distances between the columns of a completed matrix [N, A], float32 [A, A] (M 4.1)."""
    matrix = np.asarray(matrix, np.float64)
    gram = matrix.T @ matrix
    squares = np.diag(gram)
    distance = np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2.0 * gram, 0.0))
    np.fill_diagonal(distance, 0.0)
    return distance.astype(np.float32)


def distance_embedding(user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """Returns embeddings float32 [A, D] whose distances are those between the columns of `user @ item.T`.

    With U'U = Q S Q', ||U v_a - U v_b|| = ||(v_a - v_b) Q S^(1/2)||, so the D x D Gram matrix suffices. Our reading:
    the product is not clipped here, because clipped columns have no such embedding.

    Args:
      user: [N, D]. item: [A, D].
    """
    user, item = np.asarray(user, np.float64), np.asarray(item, np.float64)
    values, vectors = np.linalg.eigh(user.T @ user)
    return (item @ vectors * np.sqrt(np.maximum(values, 0.0))).astype(np.float32)


def with_untagged(categories: np.ndarray) -> np.ndarray:
    """Gives the items without any category one of their own, which they share; bool [A, C] or [A, C + 1].

    So does EasyRL4Rec with KuaiRand's videos without tags. Without it such an item could be repeated for ever.

    Raises:
      JaxrecError: something else than zeros and ones, or another rank.
    """
    categories = np.asarray(categories)
    if categories.ndim != 2 or not np.isin(categories, (0, 1)).all():
        raise JaxrecError(
            f"item categories are {categories.dtype} {categories.shape}; the category exit rule needs zeros and ones "
            "[A, C]"
        )
    categories = categories.astype(bool)
    untagged = ~categories.any(1)
    return np.concatenate([categories, untagged[:, None]], 1) if untagged.any() else categories


def pack_categories(categories: np.ndarray) -> np.ndarray:
    """Packs multi-hot categories bool [A, C] into uint32 [A, ceil(C / 32)], one bit each."""
    words = -(-max(categories.shape[1], 1) // 32)
    padded = np.zeros((categories.shape[0], words * 32), np.uint32)
    padded[:, : categories.shape[1]] = categories
    shifted = padded.reshape(-1, words, 32) << np.arange(32, dtype=np.uint32)
    return functools.reduce(operator.or_, np.moveaxis(shifted, -1, 0))


def unpack_categories(bits: np.ndarray) -> np.ndarray:
    """Unpacks uint32 [A, W] into bool [A, 32 W]: what `pack_categories` packed, and columns of False after it."""
    return ((bits[:, :, None] >> np.arange(32, dtype=np.uint32)) & 1).astype(bool).reshape(len(bits), -1)

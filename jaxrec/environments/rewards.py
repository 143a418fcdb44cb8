"""The feedback of every user on every item: records with the methods `reward(user, item)`, `range()` and `facts()`."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.environments import exit_rules


@struct.dataclass
class Dense:
    """Holds the completed matrix (M 4.1).

    Attributes:
      matrix: float32 [N, A], in the dataset's unit.
    """

    matrix: Array

    @property
    def num_users(self) -> int:
        return self.matrix.shape[-2]

    @property
    def num_items(self) -> int:
        return self.matrix.shape[-1]

    def reward(self, user: Array, item: Array) -> Array:
        """Returns float32 of the shape of `user` and `item`, int32 indices."""
        return self.matrix[user, item]

    def range(self) -> tuple[float, float]:
        """Returns the (lowest, highest) entry of the matrix, read from the device."""
        return float(jnp.min(self.matrix)), float(jnp.max(self.matrix))

    def facts(self) -> dict[str, np.ndarray]:
        """Returns `liking` float32 [A], the mean reward of each item over all users, and the matrix as `ratings`."""
        matrix = np.asarray(self.matrix)
        return {"liking": matrix.mean(0), "ratings": matrix}


@struct.dataclass
class Factors:
    """Computes clip(user[u] . item[i], low, high) from N x D and A x D numbers instead of N x A.

    Attributes:
      user: float32 [N, D]. item: float32 [A, D]. low, high: float32 [], in the dataset's unit.
    """

    user: Array
    item: Array
    low: Array
    high: Array

    @property
    def num_users(self) -> int:
        return self.user.shape[-2]

    @property
    def num_items(self) -> int:
        return self.item.shape[-2]

    def reward(self, user: Array, item: Array) -> Array:
        """Returns float32 of the shape of `user` and `item`, int32 indices."""
        return jnp.clip(jnp.sum(self.user[user] * self.item[item], -1), self.low, self.high)

    def range(self) -> tuple[float, float]:
        """Returns the (lowest, highest) reward that clipping leaves, read from the device."""
        return float(self.low), float(self.high)

    def facts(self) -> dict[str, np.ndarray]:
        """Returns `liking` float32 [A], the mean of each item's dot products over all users, and `rating_vectors`
        float32 [A, D], whose cosines and distances are those of the columns of dot products; both before clipping."""
        user, item = np.asarray(self.user), np.asarray(self.item)
        return {"liking": item @ user.mean(0), "rating_vectors": exit_rules.distance_embedding(user, item)}

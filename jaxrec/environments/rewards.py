"""What a user gives for an item: records that answer `reward(user, item)`, pytrees inside an environment's params."""

from __future__ import annotations

import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array


@struct.dataclass
class Dense:
    """The completed matrix [N, A], float32, in the dataset's unit."""

    matrix: Array

    @property
    def num_users(self) -> int:
        return self.matrix.shape[-2]

    @property
    def num_items(self) -> int:
        return self.matrix.shape[-1]

    def reward(self, user: Array, item: Array) -> Array:
        """float32, the shape of `user` and `item`."""
        return self.matrix[user, item]

    def range(self) -> tuple[float, float]:
        """(lowest, highest) reward there is, read from the device."""
        return float(jnp.min(self.matrix)), float(jnp.max(self.matrix))


@struct.dataclass
class Factors:
    """Reward clip(user_factors[u] . item_factors[i], low, high): N x D and A x D numbers instead of N x A."""

    user: Array  # float32 [N, D]
    item: Array  # float32 [A, D]
    low: Array  # float32 []
    high: Array  # float32 []

    @property
    def num_users(self) -> int:
        return self.user.shape[-2]

    @property
    def num_items(self) -> int:
        return self.item.shape[-2]

    def reward(self, user: Array, item: Array) -> Array:
        """float32, the shape of `user` and `item`."""
        return jnp.clip(jnp.sum(self.user[user] * self.item[item], -1), self.low, self.high)

    def range(self) -> tuple[float, float]:
        """(lowest, highest) reward there can be, read from the device."""
        return float(self.low), float(self.high)

"""One network of the DeepFM ensemble (Guo et al. 2017)."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.models.dense import Dense

SMALLEST_VARIANCE = 1e-3  # in squared ratings: a network that fits its ratings exactly must not divide by zero


def factorization_term(total: Array, squares: Array) -> Array:
    """Returns the sum over pairs i < j of <v_i, v_j> x_i x_j, [...] (Rendle 2010, Lemma 3.1).

    Args:
      total: sum_i v_i x_i. squares: sum_i (v_i x_i)^2. Both [..., D].
    """
    return 0.5 * jnp.sum(jnp.square(total) - squares, axis=-1)


class DeepFM(nn.Module):
    """Predicts (mean, variance) of a rating, each [...].

    The factorisation term and a deep network share the vectors of users, items and features. Our reading: the weighted
    vectors of one side's features are summed, so that the deep network reads four vectors whatever the number of
    features; it gives the variance too.

    Attributes:
      width: D of the vectors. hidden: widths of the deep network's layers. first_mean: the rating predicted at first.
    """

    num_users: int
    num_items: int
    width: int
    hidden: tuple[int, ...]
    first_mean: float

    @nn.compact
    def __call__(self, user: Array, item: Array, user_features: Array, item_features: Array) -> tuple[Array, Array]:
        """Predicts for user, item int32 [...] with features float32 [..., F_u] and [..., F_i]."""
        fields = [
            self._looked_up("user", self.num_users, user),
            self._looked_up("item", self.num_items, item),
            self._weighted("user_features", user_features),
            self._weighted("item_features", item_features),
        ]
        first, vectors, squares = zip(*fields, strict=True)
        level = self.param("level", nn.initializers.constant(self.first_mean), ())
        deep = jnp.concatenate(vectors, axis=-1)
        for width in self.hidden:
            deep = nn.relu(Dense(width, kernel_init=nn.initializers.he_normal())(deep))
        deep = Dense(2, kernel_init=nn.initializers.variance_scaling(1e-2, "fan_in", "truncated_normal"))(deep)
        mean = level + sum(first) + factorization_term(sum(vectors), sum(squares)) + deep[..., 0]
        return mean, jax.nn.softplus(deep[..., 1]) + SMALLEST_VARIANCE

    def _tables(self, name: str, rows: int) -> tuple[Array, Array]:
        """Returns the parameters (weight [rows], vector [rows, D])."""
        vector = self.param(f"{name}_vector", nn.initializers.normal(0.1), (rows, self.width), jnp.float32)
        return self.param(f"{name}_weight", nn.initializers.zeros_init(), (rows,), jnp.float32), vector

    def _looked_up(self, name: str, rows: int, index: Array) -> tuple[Array, Array, Array]:
        """Returns (weight [...], vector [..., D], squared vector [..., D]) of a user or item."""
        weight, vector = self._tables(name, rows)
        indexed = vector[index]
        return weight[index], indexed, jnp.square(indexed)

    def _weighted(self, name: str, features: Array) -> tuple[Array, Array, Array]:
        """Returns the same of features [..., F], summed over them."""
        weight, vector = self._tables(name, features.shape[-1])
        return features @ weight, features @ vector, jnp.square(features) @ jnp.square(vector)

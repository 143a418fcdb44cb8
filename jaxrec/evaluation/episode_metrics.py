"""What a set of episodes says about a policy, as sums and counts divided once (M 4.1).

R_cumu     mean return of an episode
R_avg      reward per step: the ratio of the sums, so that long episodes count for what they are
Length     mean steps of an episode
coverage   distinct items recommended / items there are
diversity  mean over episodes of the mean of 1 - cos over the pairs of their recommendations (if there is a pair)
novelty    mean over recommendations of -log2 (share of the log, smoothed by one)
"""

from __future__ import annotations

import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array


@struct.dataclass
class Catalogue:
    """What the metrics must know of the items: popularity [A], counts in the log; vectors float32 [A, F]."""

    popularity: Array
    vectors: Array


@struct.dataclass
class Mean:
    """A sum and a count, divided once."""

    total: Array
    count: Array

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.total + other.total, self.count + other.count)

    def value(self) -> Array:
        """float32 []; 0 where nothing was counted."""
        return self.total / jnp.maximum(self.count, 1)


def recommendations(action: Array, mask: Array, num_items: int) -> Array:
    """float32 [B, A]: how often each episode recommended each item, from action [T, B] and mask [T, B]."""
    episode = jnp.broadcast_to(jnp.arange(action.shape[1]), action.shape)
    return jnp.zeros((action.shape[1], num_items), jnp.float32).at[episode, action].add(mask.astype(jnp.float32))


def diversity(units: Array, counts: Array) -> Mean:
    """Over the episodes with a pair: 1 - mean cosine of their pairs, by the squared length of the sum of unit vectors.

    The sum is a product of matrices, counts [B, A] by units [A, F]: gathering T x B vectors takes ten times as long
    on a CPU.
    """
    together = jnp.sum(jnp.matmul(counts, units, precision="highest") ** 2, -1)
    alone = jnp.matmul(counts, jnp.sum(units * units, -1), precision="highest")
    steps = jnp.sum(counts, -1)
    distance = 1.0 - (together - alone) / jnp.maximum(steps * (steps - 1), 1)
    return Mean(jnp.sum(jnp.where(steps > 1, distance, 0.0)), jnp.sum(steps > 1))


def self_information(popularity: Array) -> Array:
    """float32 [A], bits: -log2((n_i + 1) / (n + A)), so that an item no log knows is finite and the most novel."""
    popularity = popularity.astype(jnp.float32)
    return jnp.log2(jnp.sum(popularity) + popularity.shape[0]) - jnp.log2(popularity + 1.0)


def novelty(information: Array, counts: Array) -> Mean:
    """Over recommendations: the self-information of the item, bits."""
    return Mean(jnp.sum(jnp.matmul(counts, information, precision="highest")), jnp.sum(counts))


def histogram(values: Array, mask: Array, size: int) -> Array:
    """int32 [size]: how often each value in [0, size) occurs where the mask holds; larger ones count as the last."""
    return jnp.zeros((size,), jnp.int32).at[jnp.clip(values, 0, size - 1)].add(mask.astype(jnp.int32))

"""Metrics of a set of episodes (M 4.1), as sums and counts divided once.

R_cumu     mean over episodes of the undiscounted return
R_avg      reward per step: all rewards / all steps, so that a long episode weighs more than a short one
Length     mean number of steps of an episode
coverage   distinct items recommended in any episode / items of the catalogue
diversity  mean over episodes with two recommendations or more of the mean of 1 - cos over all pairs of them
novelty    mean over recommendations of -log2 of the item's share of the log, one event added to every item

Paper M reports the first three. EasyRL4Rec's diversity and novelty are other formulas (`easyrl4rec_metrics`).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array


@struct.dataclass
class Catalogue:
    """What coverage, diversity and novelty must know of the items.

    Attributes:
      popularity: [A], events in the log, or users in them.
      vectors: float32 [A, F], whose cosines say how alike items are.
      easyrl4rec: what EasyRL4Rec's metrics must know (`easyrl4rec_metrics.Items`); None where they are not asked for.
    """

    popularity: Array
    vectors: Array
    easyrl4rec: Any = None


@struct.dataclass
class Mean:
    """A mean that is still a sum and a count, so that the means of several batches can be added before the division."""

    total: Array
    count: Array

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.total + other.total, self.count + other.count)

    def value(self) -> Array:
        """Returns total / count, float32 []; 0 where nothing was counted."""
        return self.total / jnp.maximum(self.count, 1)


def recommendations(action: Array, mask: Array, num_items: int) -> Array:
    """Counts how often each episode recommended each item, float32 [B, A].

    Args:
      action: int32 [T, B]. mask: bool [T, B], the steps of the episode.
    """
    episode = jnp.broadcast_to(jnp.arange(action.shape[1]), action.shape)
    return jnp.zeros((action.shape[1], num_items), jnp.float32).at[episode, action].add(mask.astype(jnp.float32))


def diversity(units: Array, counts: Array) -> Mean:
    """Returns 1 minus the mean cosine of all pairs of an episode's recommendations, averaged over the episodes that
    have a pair.

    The sum of the unit vectors of an episode has a squared length that is the sum of the cosines of all ordered pairs,
    those of a vector with itself included; these are subtracted. Thus no pair is formed. The sums are one product of
    matrices, which on a CPU takes a tenth of the time of gathering T x B vectors.

    Args:
      units: float32 [A, F], of length 1 or 0. counts: float32 [B, A], see `recommendations`.
    """
    together = jnp.sum(jnp.matmul(counts, units, precision="highest") ** 2, -1)
    alone = jnp.matmul(counts, jnp.sum(units * units, -1), precision="highest")
    steps = jnp.sum(counts, -1)
    distance = 1.0 - (together - alone) / jnp.maximum(steps * (steps - 1), 1)
    return Mean(jnp.sum(jnp.where(steps > 1, distance, 0.0)), jnp.sum(steps > 1))


def self_information(popularity: Array) -> Array:
    """Returns -log2((n_i + 1) / (n + A)), float32 [A], in bits: finite, and largest for an item without any event.

    Args:
      popularity: n_i [A], events (or users) of each item; n is their sum.
    """
    popularity = popularity.astype(jnp.float32)
    return jnp.log2(jnp.sum(popularity) + popularity.shape[0]) - jnp.log2(popularity + 1.0)


def novelty(information: Array, counts: Array) -> Mean:
    """Returns the mean over recommendations of the item's self-information, in bits.

    Args:
      information: float32 [A], see `self_information`. counts: float32 [B, A], see `recommendations`.
    """
    return Mean(jnp.sum(jnp.matmul(counts, information, precision="highest")), jnp.sum(counts))


def histogram(values: Array, mask: Array, size: int) -> Array:
    """Counts how often each value in [0, size) occurs where the mask is True, int32 [size]; larger ones count as the
    last."""
    return jnp.zeros((size,), jnp.int32).at[jnp.clip(values, 0, size - 1)].add(mask.astype(jnp.int32))

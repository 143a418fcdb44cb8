"""Sequential rules (Ludewig and Jannach, 2018): counts of what followed each item in the training sequences.

An item that came d items after another in a training sequence adds 1 / d to the rule between the two. A session is
continued by the rules of its last items, those of older ones counting less; items without a rule follow by popularity.
Nothing is trained: a learned model that does not rank better has learned no more than these counts.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import last_items
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec

RANGES = {
    "steps": ranges.COUNT,
    "last": ranges.COUNT,
    "decay": ranges.SHARE,
    "most": ranges.COUNT,
}


def defaults() -> ConfigDict:
    """Returns the settings: how far rules reach, and how many of a session's last items are asked."""
    return ConfigDict(
        {
            "steps": 3,  # an item counts for those of up to so many items before it, by 1 / distance
            "last": 5,  # items of a session whose rules are summed
            "decay": 0.6,  # weight of each of them relative to the next newer one
            "most": 1000,  # rules kept of each item, the strongest
        }
    )


def rules(sequences: Sequences, num_items: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts (before int64 [N], after int64 [N], weight float64 [N]): every rule once, by `before`, strongest first."""
    cells, weights = [], []
    item, mask = np.asarray(sequences.item, np.int64), np.asarray(sequences.mask)
    for distance in range(1, min(steps, item.shape[1] - 1) + 1):
        both = mask[:, distance:] & mask[:, :-distance]
        cells.append((item[:, :-distance] * num_items + item[:, distance:])[both])
        weights.append(np.full(len(cells[-1]), 1.0 / distance))
    cell, index = np.unique(np.concatenate(cells), return_inverse=True)
    weight = np.bincount(index, np.concatenate(weights), len(cell))
    before, after = cell // num_items, cell % num_items
    order = np.lexsort((after, -weight, before))
    return before[order], after[order], weight[order]


def estimate(config: ConfigDict, spec: SequencesSpec, data: NextItem, **facts: Any) -> Params:
    """Counts the rules of the training sequences.

    Returns:
      Parameters of the role `rules`, with the strongest rules of all items, one item after the other, as `after` int32
      [N] and `weight` float32 [N], with `first` int32 [A + 1], where the rules of each item begin, and with
      `popularity` float32 [A].
    """
    del facts
    before, after, weight = rules(data.train, spec.num_items, config.steps)
    rank = np.arange(len(before)) - np.searchsorted(before, before)
    before, after, weight = (x[rank < config.most] for x in (before, after, weight))
    first = np.searchsorted(before, np.arange(spec.num_items + 1))
    counted = {"after": after.astype(np.int32), "weight": weight.astype(np.float32), "first": first.astype(np.int32)}
    return {"rules": jax.tree.map(jnp.asarray, counted | {"popularity": np.asarray(data.popularity, np.float32)})}


def make(config: ConfigDict, spec: SequencesSpec) -> Algorithm:
    """Makes the ranker; it is estimated from sequences and has no learner.

    Raises:
      JaxrecError: settings that cannot be.
    """
    ranges.check("algorithm.", config, RANGES)
    age = config.decay ** np.arange(config.last)

    def scores(params: Params, states: Array) -> Array:
        """Sums the rules of the last items [R, last], each times its decay: [R, A]."""
        counted = params["rules"]
        total = _add_rules(counted, states, jnp.asarray(age, jnp.float32), min(config.most, spec.num_items))
        return last_items.popular_behind(total, counted["popularity"])

    ranker = last_items.make_ranker(config.last, scores)
    return Algorithm(None, None, ranker=ranker, estimate=partial(estimate, config, spec))


def _add_rules(counted: dict[str, Array], states: Array, age: Array, most: int) -> Array:
    """Returns the sum over the last items of age * weight for every item that a rule leads to, [R, A].

    Args:
      states: int32 [R, last], -1 where there is no item. age: float32 [last]. most: rules of one item at most.
    """

    def add(total: Array, last: tuple[Array, Array]) -> tuple[Array, None]:
        item, factor = last  # [R], []
        begin = counted["first"][item]
        rule = begin[:, None] + jnp.arange(most)[None]
        real = (rule < counted["first"][item + 1][:, None]) & (item >= 0)[:, None]
        rule = jnp.minimum(rule, counted["after"].shape[0] - 1)
        added = jnp.where(real, factor * counted["weight"][rule], 0.0)
        rows = jnp.arange(item.shape[0])[:, None]
        return total.at[rows, counted["after"][rule]].add(added), None

    start = jnp.zeros((states.shape[0], counted["popularity"].shape[0]), jnp.float32)
    return jax.lax.scan(add, start, (states.T, age))[0]

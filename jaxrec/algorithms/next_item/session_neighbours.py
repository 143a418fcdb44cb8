"""V-SKNN (Ludewig and Jannach, 2018): the training sequences most like a session vote for their items.

A session is a set of items of which newer ones weigh more: of n items the newest 1, the one before it (n - 1) / n, and
so on. The similarity of a training sequence is the sum of the weights of the items that they share. The k most similar
ones vote with their similarity, divided by the age of the newest shared item (1 of the newest item of the session).
Nothing is trained: a learned model that does not rank better has learned no more than to look these sequences up.
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
from jaxrec.base.chunks import map_chunks
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec

RANGES = dict.fromkeys(("last", "sequences", "neighbours"), ranges.COUNT)
_NUMBERS = 4 << 20  # candidates and votes held at once


def defaults() -> ConfigDict:
    """Returns the settings: how much of a session is looked up, and among how many sequences."""
    return ConfigDict(
        {
            "last": 10,  # items of a session that are looked up
            "sequences": 500,  # sequences looked at for each of them, the last ones of the data
            "neighbours": 100,  # k, the most similar ones that vote
        }
    )


def sequences_of_items(sequences: Sequences, num_items: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists in which sequences each item occurs.

    Returns:
      (row int32 [N], the last `most` sequences of every item, one item after the other; first int32 [A + 1], where the
      list of each item begins).
    """
    item, mask = np.asarray(sequences.item, np.int64), np.asarray(sequences.mask)
    row = np.broadcast_to(np.arange(len(item))[:, None], item.shape)
    cell = np.unique((item * len(item) + row)[mask])
    item, row = cell // len(sequences.item), cell % len(sequences.item)
    after = np.searchsorted(item, item, side="right") - np.arange(len(item))  # 1 for an item's last sequence
    item, row = item[after <= most], row[after <= most]
    return row.astype(np.int32), np.searchsorted(item, np.arange(num_items + 1)).astype(np.int32)


def estimate(config: ConfigDict, spec: SequencesSpec, data: NextItem, **facts: Any) -> Params:
    """Keeps the training sequences, and where each item occurs.

    Returns:
      Parameters of the role `neighbours`, with `item` int32 [N, T], the sequences, -1 in the padding and where an item
      occurs a second time, with `row` and `first` of `sequences_of_items`, and with `popularity` float32 [A].
    """
    del facts
    row, first = sequences_of_items(data.train, spec.num_items, config.sequences)
    item = _distinct(np.where(data.train.mask, data.train.item, -1).astype(np.int32), np)
    kept = {"item": item, "row": row, "first": first, "popularity": np.asarray(data.popularity, np.float32)}
    return {"neighbours": jax.tree.map(jnp.asarray, kept)}


def make(config: ConfigDict, spec: SequencesSpec) -> Algorithm:
    """Makes the ranker; it is estimated from sequences and has no learner.

    Raises:
      JaxrecError: settings that cannot be.
    """
    ranges.check("algorithm.", config, RANGES)

    def scores(params: Params, states: Array) -> Array:
        """Returns the votes of each session's neighbours for every item, [R, A]."""
        kept = params["neighbours"]
        vote = jax.vmap(partial(_votes, config, kept, spec.num_items))
        at_once = max(_NUMBERS // (config.last * config.sequences + spec.num_items), 1)
        return last_items.popular_behind(map_chunks(vote, (states,), at_once), kept["popularity"])

    ranker = last_items.make_ranker(config.last, scores)
    return Algorithm(None, None, ranker=ranker, estimate=partial(estimate, config, spec))


def _votes(config: ConfigDict, kept: dict[str, Array], num_items: int, session: Array) -> Array:
    """Returns the votes for every item, float32 [A], of one session int32 [last], newest item first, -1 for none."""
    row, age, similarity = _similar(config, kept, session)
    similarity, best = jax.lax.top_k(similarity, min(config.neighbours, similarity.shape[0]))
    vote = similarity / (1.0 + age[best])
    item = kept["item"][row[best]]  # [k, T]
    votes = jnp.where(item >= 0, vote[:, None], 0.0)
    return jnp.zeros(num_items).at[jnp.maximum(item, 0)].add(votes)


def _similar(config: ConfigDict, kept: dict[str, Array], session: Array) -> tuple[Array, Array, Array]:
    """Finds the sequences that share an item with a session int32 [last].

    Returns:
      (row int32 [C], age int32 [C] of the newest shared item, similarity float32 [C], 0 where there is no sequence).
    """
    age = jnp.arange(config.last)
    count = jnp.sum(session >= 0)
    weight = 1.0 - age / jnp.maximum(count, 1)
    session = _distinct(session[None], jnp)[0]
    place = kept["first"][session][:, None] + jnp.arange(config.sequences)[None]
    real = (place < kept["first"][session + 1][:, None]) & (session >= 0)[:, None]
    none = kept["item"].shape[0]  # comes after all rows
    row = jnp.where(real, kept["row"][jnp.minimum(place, kept["row"].shape[0] - 1)], none)
    ages, weights = (jnp.broadcast_to(x[:, None], row.shape).reshape(-1) for x in (age, weight))
    row, ages, weights = jax.lax.sort((row.reshape(-1), ages, weights), num_keys=2)
    is_first = jnp.concatenate([jnp.ones(1, bool), row[1:] != row[:-1]])
    of_row = jax.ops.segment_sum(weights, jnp.cumsum(is_first) - 1, row.shape[0], indices_are_sorted=True)
    similarity = jnp.where(is_first & (row < none), of_row[jnp.cumsum(is_first) - 1], 0.0)
    return jnp.minimum(row, none - 1), ages, similarity


def _distinct(items: Any, xp: Any) -> Any:
    """Replaces all but the first of equal items in rows [N, T] by -1."""
    repeated = [(items[:, :column] == items[:, column, None]).any(1) for column in range(items.shape[1])]
    return xp.where(xp.stack(repeated, 1), -1, items)

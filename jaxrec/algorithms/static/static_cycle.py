"""Recommends a fixed cycle of N + 1 liked items to everyone: what can be earned without learning.

The exit rule looks N actions back, so a cycle of N + 1 items that are far from each other never triggers it (M 4.1).
Where repeats are forbidden, a fixed sequence takes over once the cycle is used up: at each turn the most liked unused
item that is far from the N before it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.static.popular import LOGIT_STEP, descending_logits
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN, Interactions, Observation
from jaxrec.base.specs import EnvironmentSpec

RANGES = {
    "window": ranges.COUNT,
    "threshold": ranges.or_none(ranges.NOT_NEGATIVE),
    "damping": ranges.POSITIVE,
}


def defaults() -> ConfigDict:
    """Returns the settings: the exit rule of the environment that is acted in, here Coat's."""
    return ConfigDict(
        {
            "window": 7,  # N, the actions in the exit window
            "threshold": 6.0,  # Euclidean distance of item columns, below which a user leaves
            "damping": 5.0,  # imaginary ratings at the mean for each item, where liking is counted in the log
        }
    )


def mean_feedback(interactions: Interactions, num_items: int, damping: float) -> np.ndarray:
    """Returns the mean training feedback of each item, [A], drawn towards the overall mean where events are few.

    Args:
      damping: how many imaginary events at the overall mean every item has.
    """
    rows = interactions.where(interactions.split == TRAIN)
    mean = rows.feedback.mean()
    count = np.bincount(rows.item, minlength=num_items)
    return (np.bincount(rows.item, rows.feedback, num_items) + damping * mean) / (count + damping)


def conflicting_items(
    item: int,
    threshold: float,
    *,
    vectors: np.ndarray | None = None,
    categories: np.ndarray | None = None,
    distance: np.ndarray | None = None,
) -> np.ndarray:
    """Returns the items that must not share an exit window with `item`, bool [A].

    They are those nearer than the threshold, or those with a category in common. The category rule lets a category
    recur `threshold` times; here once is too often, so that the cycle is safe under any threshold.

    Args:
      vectors, categories, distance: as in `estimate`; one of the three.
    """
    if categories is not None:
        near = (categories & categories[item][None]).any(axis=1)
    elif distance is not None:
        near = distance[item] < threshold
    else:
        near = np.sqrt(np.square(vectors - vectors[item][None]).sum(axis=1)) < threshold
    near[item] = True
    return near


def spaced_items(liking: np.ndarray, window: int, length: int, conflicts_of: Callable[[int], np.ndarray]) -> list[int]:
    """Returns `length` distinct items, each the most liked one that conflicts with none of the `window` before it.

    Where every unused item conflicts with one, it is an item that conflicts with the fewest: the user may then leave.

    Args:
      liking: [A]. conflicts_of: item -> bool [A], see `conflicting_items`.
    """
    chosen: list[int] = []
    unused = np.ones(len(liking), bool)
    conflicts: list[np.ndarray] = []
    for _ in range(min(length, len(liking))):
        count = np.sum(conflicts[-window:], axis=0) if conflicts[-window:] else np.zeros(len(liking))
        order = np.lexsort((-liking, count, ~unused))
        chosen.append(int(order[0]))
        unused[order[0]] = False
        conflicts.append(conflicts_of(chosen[-1]))
    return chosen


def estimate(
    config: ConfigDict,
    spec: EnvironmentSpec,
    interactions: Interactions | None,
    *,
    liking: np.ndarray | None = None,
    vectors: np.ndarray | None = None,
    categories: np.ndarray | None = None,
    distance: np.ndarray | None = None,
    **facts: Any,
) -> Params:
    """Returns the cycle and the sequence, computed on the host from facts of training alone.

    Args:
      liking: float [A], the mean training reward of each item; None: the log's damped mean feedback.
      distance: float [A, A], which the exit rule compares with the threshold.
      vectors: float [A, F], where the rule compares their Euclidean distances instead.
      categories: bool [A, C], where the rule counts categories instead.

    Raises:
      JaxrecError: none of distance, vectors and categories, or neither liking nor a log.
    """
    del facts
    liking = None if liking is None else np.asarray(liking)
    compared = {"vectors": vectors, "categories": categories, "distance": distance}
    compared = {name: np.asarray(value) for name, value in compared.items() if value is not None}
    if not compared:
        raise JaxrecError(
            "static_cycle was given no distance, vectors or categories; it needs what the exit rule compares"
        )
    if liking is None:
        if interactions is None:
            raise JaxrecError("static_cycle was given neither a log nor what users like; set data.name, or use random")
        liking = mean_feedback(interactions, spec.num_items, config.damping)

    def conflicts_of(item: int) -> np.ndarray:
        return conflicting_items(item, config.threshold, **compared)

    cycle = spaced_items(liking, config.window, config.window + 1, conflicts_of)
    no_repeats = spaced_items(liking, config.window, spec.max_turn, conflicts_of)
    turns = {"cycle": jnp.asarray(cycle, jnp.int32), "sequence": jnp.asarray(no_repeats, jnp.int32)}
    return {"static_cycle": turns | {"logits": jnp.asarray(descending_logits(np.argsort(-liking, kind="stable")))}}


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the policy. The observation's turn says which item of the cycle is next, so the carry is empty.

    Raises:
      JaxrecError: the environment's actions are continuous.
    """
    ranges.check("algorithm.", config, RANGES)
    if spec.action_size:
        raise JaxrecError("static_cycle needs items to act with, but actions are continuous here; use random")

    def act(params: Params, carry: tuple, observation: Observation, key: Array) -> tuple[tuple, Array]:
        del key
        estimated = params["static_cycle"]
        item = jnp.arange(spec.num_items)[None]

        def is_next(items: Array) -> Array:
            """Returns bool [B, A], True at the item of the list that the user's turn has reached."""
            return item == items[observation.turn % items.shape[0]][:, None]

        logits = jnp.where(is_next(estimated["sequence"]), LOGIT_STEP, estimated["logits"][None])
        return carry, jnp.where(is_next(estimated["cycle"]), 2.0 * LOGIT_STEP, logits)

    return Algorithm(None, None, Policy(lambda params, num_users: (), act), estimate=partial(estimate, config, spec))

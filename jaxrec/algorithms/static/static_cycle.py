"""Recommends a fixed cycle of N + 1 liked items to everyone: what can be earned without learning.

The exit rule looks N actions back, so a cycle of N + 1 items that do not trigger it together never triggers it (M 4.1).
Where repeats are forbidden, a fixed sequence takes over once the cycle is used up: at each turn the most liked unused
item that does not trigger the rule after the N before it. N and the rule are those of the environment, which hands them
over as facts of its items.
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

RANGES = {"damping": ranges.POSITIVE}


def defaults() -> ConfigDict:
    """Returns the settings; window and threshold are the environment's."""
    return ConfigDict({"damping": 5.0})  # imaginary mean ratings of each item, where liking is counted in the log


def mean_feedback(interactions: Interactions, num_items: int, damping: float) -> np.ndarray:
    """Returns the mean training feedback of each item, [A], drawn towards the overall mean where events are few.

    Args:
      damping: how many imaginary events at the overall mean every item has.
    """
    rows = interactions.where(interactions.split == TRAIN)
    mean = rows.feedback.mean()
    count = np.bincount(rows.item, minlength=num_items)
    return (np.bincount(rows.item, rows.feedback, num_items) + damping * mean) / (count + damping)


def near_items(
    threshold: float, *, vectors: np.ndarray | None = None, distance: np.ndarray | None = None
) -> Callable[[int], np.ndarray]:
    """Returns the function item -> bool [A] of the items nearer to it than the threshold, and of the item itself.

    Args:
      vectors, distance: as in `estimate`; one of the two.
    """

    def near(item: int) -> np.ndarray:
        if distance is not None:
            found = distance[item] < threshold
        else:
            found = np.sqrt(np.square(vectors - vectors[item][None]).sum(axis=1)) < threshold
        found[item] = True
        return found

    return near


def num_near(near: Callable[[int], np.ndarray]) -> Callable[[list[int]], np.ndarray]:
    """Returns the function (items of the window) -> [A], to how many of them each item is near."""
    known: dict[int, np.ndarray] = {}

    def excess(window: list[int]) -> np.ndarray:
        known.update({item: near(item) for item in window if item not in known})
        return np.sum([known[item] for item in window], axis=0)

    return excess


def num_crowded(categories: np.ndarray, threshold: float) -> Callable[[list[int]], np.ndarray]:
    """Returns the function (items of the window) -> [A], by how much the categories of each item are too often in it.

    Args:
      categories: bool [A, C]. threshold: how often a category may be in the window.
    """
    member = categories.astype(np.int64)

    def excess(window: list[int]) -> np.ndarray:
        return member @ np.maximum(member[window].sum(axis=0) - int(threshold), 0)

    return excess


def spaced_items(liking: np.ndarray, window: int, length: int, excess: Callable[[list[int]], np.ndarray]) -> list[int]:
    """Returns `length` distinct items, each the most liked one that no exit follows from, given the `window` before it.

    Where an exit follows from every unused item, it is an item of the least excess.

    Args:
      liking: [A]. excess: (items of the window) -> [A], 0 where an item does not trigger the exit rule after them.
    """
    chosen: list[int] = []
    unused = np.ones(len(liking), bool)
    for _ in range(min(length, len(liking))):
        count = excess(chosen[-window:]) if chosen else np.zeros(len(liking))
        order = np.lexsort((-liking, count, ~unused))
        chosen.append(int(order[0]))
        unused[order[0]] = False
    return chosen


def estimate(
    config: ConfigDict,
    spec: EnvironmentSpec,
    interactions: Interactions | None,
    *,
    liking: np.ndarray | None = None,
    window: np.ndarray | None = None,
    threshold: np.ndarray | float = 0.0,
    vectors: np.ndarray | None = None,
    categories: np.ndarray | None = None,
    distance: np.ndarray | None = None,
    **facts: Any,
) -> Params:
    """Returns the cycle and the sequence, computed on the host from facts of the training environment alone.

    Args:
      liking: float [A], the mean training reward of each item; None: the log's damped mean feedback.
      window: N, the actions that the exit rule looks back on.
      threshold: of the exit rule; where the environment has none, no category comes twice in a window.
      distance: float [A, A], which the exit rule compares with the threshold.
      vectors: float [A, F], where the rule compares their Euclidean distances instead.
      categories: bool [A, C], where the rule counts categories instead.

    Raises:
      JaxrecError: none of distance, vectors and categories, no window, or neither liking nor a log.
    """
    del facts
    if window is None or (vectors is None and categories is None and distance is None):
        raise JaxrecError(
            "static_cycle was given no window, or no distance, vectors or categories; it needs the exit rule of the "
            "environment (item_facts)"
        )
    if liking is None:
        if interactions is None:
            raise JaxrecError("static_cycle was given neither a log nor what users like; set data.name, or use random")
        liking = mean_feedback(interactions, spec.num_items, config.damping)
    liking, window, threshold = np.asarray(liking), int(window), float(threshold)
    if categories is not None:
        excess = num_crowded(np.asarray(categories), threshold)
    else:
        compared = {"vectors": vectors, "distance": distance}
        compared = {name: np.asarray(value) for name, value in compared.items() if value is not None}
        excess = num_near(near_items(threshold, **compared))
    cycle = spaced_items(liking, window, window + 1, excess)
    no_repeats = spaced_items(liking, window, spec.max_turn, excess)
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

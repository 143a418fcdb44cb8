"""A fixed cycle of N + 1 liked items, no two of which make a user leave: the reward that needs no learning at all.

The exit rule looks N actions back, so a cycle of N + 1 mutually far items never triggers it. Everybody gets the same
items. Where repeats are not allowed, a fixed sequence takes over: at each turn the most liked unused item that is far
from the N before it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.static.popular import STEP, preference
from jaxrec.base.contracts import Algorithm, Array, Params, Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN, Interactions, Observation
from jaxrec.base.specs import EnvironmentSpec


def defaults() -> ConfigDict:
    """The exit rule of the environment that will be acted in; the values are Coat's."""
    return ConfigDict(
        {
            "window": 7,  # N, actions the exit rule looks back
            "threshold": 6.0,  # Euclidean distance of item columns; closer than this makes a user leave
            "damping": 5.0,  # imaginary ratings at the mean, where liking comes from logged rows
        }
    )


def mean_feedback(interactions: Interactions, num_items: int, damping: float) -> np.ndarray:
    """Mean training feedback [A] of each item, drawn towards the overall mean where rows are few."""
    rows = interactions.where(interactions.split == TRAIN)
    mean = rows.feedback.mean()
    count = np.bincount(rows.item, minlength=num_items)
    return (np.bincount(rows.item, rows.feedback, num_items) + damping * mean) / (count + damping)


def close(
    item: int,
    threshold: float,
    *,
    vectors: np.ndarray | None = None,
    categories: np.ndarray | None = None,
    distance: np.ndarray | None = None,
) -> np.ndarray:
    """Bool [A]: items not to share a window with `item`: nearer than the threshold, or with a category in common.

    The category rule lets a category recur `threshold` times; once is taken as too often, which is on the safe side.
    """
    if categories is not None:
        near = (categories & categories[item][None]).any(axis=1)
    elif distance is not None:
        near = distance[item] < threshold
    else:
        near = np.sqrt(np.square(vectors - vectors[item][None]).sum(axis=1)) < threshold
    near[item] = True
    return near


def sequence(liking: np.ndarray, window: int, length: int, is_close) -> list[int]:
    """`length` distinct items; each the most liked one far from the `window` before it.

    Where none is far from all of them, the one that is close to the fewest: the user may then leave.
    """
    chosen: list[int] = []
    unused = np.ones(len(liking), bool)
    near: list[np.ndarray] = []
    for _ in range(min(length, len(liking))):
        conflicts = np.sum(near[-window:], axis=0) if near[-window:] else np.zeros(len(liking))
        rank = np.lexsort((-liking, conflicts, ~unused))
        chosen.append(int(rank[0]))
        unused[rank[0]] = False
        near.append(is_close(chosen[-1]))
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
    """Finds the cycle and the sequence on the host, from training facts only.

    Args:
      liking: float [A], mean training reward of each item over the users; from the training rows if None.
      distance: float [A, A], what the exit rule compares with the threshold.
      vectors: float [A, F], where the rule compares their Euclidean distances instead.
      categories: bool [A, C], where the rule counts categories instead.

    Raises:
      JaxrecError: none of distance, vectors and categories, or nothing to tell what is liked.
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

    def is_close(item: int) -> np.ndarray:
        return close(item, config.threshold, **compared)

    cycle = sequence(liking, config.window, config.window + 1, is_close)
    no_repeats = sequence(liking, config.window, spec.max_turn, is_close)
    turns = {"cycle": jnp.asarray(cycle, jnp.int32), "sequence": jnp.asarray(no_repeats, jnp.int32)}
    return {"static_cycle": turns | {"logits": jnp.asarray(preference(np.argsort(-liking, kind="stable")))}}


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """The observation's turn says where in the cycle a user stands, so there is nothing to carry.

    Raises:
      JaxrecError: the environment's actions are continuous.
    """
    if spec.action_size:
        raise JaxrecError("static_cycle needs items to act with, but actions are continuous here; use random")

    def act(params: Params, carry: tuple, observation: Observation, key: Array) -> tuple[tuple, Array]:
        del key
        facts = params["static_cycle"]
        item = jnp.arange(spec.num_items)[None]

        def due(items: Array) -> Array:
            return item == items[observation.turn % items.shape[0]][:, None]

        logits = jnp.where(due(facts["sequence"]), STEP, facts["logits"][None])
        return carry, jnp.where(due(facts["cycle"]), 2.0 * STEP, logits)

    return Algorithm(None, None, Policy(lambda params, num_users: (), act), estimate=partial(estimate, config, spec))

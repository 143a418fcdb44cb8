"""Recommends the same items to everyone, the most popular in the training events first."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.contracts import Algorithm, Array, Params, Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN, Interactions, Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.data import popularity
from jaxrec.data.popularity import item_popularity

LOGIT_STEP = 20.0  # between neighbouring ranks: a sample of the softmax leaves the order once in 5e8 draws


def defaults() -> ConfigDict:
    return ConfigDict({"popularity": "events"})  # what is counted of an item: its training events, or their users


def descending_logits(order: np.ndarray) -> np.ndarray:
    """Returns logits float32 [A] that descend along `order`, a permutation of the items, best first."""
    logits = np.empty(len(order), np.float32)
    logits[order] = -LOGIT_STEP * np.arange(len(order), dtype=np.float32)
    return logits


def estimate(config: ConfigDict, spec: EnvironmentSpec, interactions: Interactions | None, **facts: Any) -> Params:
    """Returns the logits of the order by popularity in the training events, ties by mean feedback.

    Args:
      facts: what an environment says of its items; not used.

    Raises:
      JaxrecError: there is no log to count in.
    """
    del facts
    if interactions is None:
        raise JaxrecError("popular counts a log, but no dataset is configured; set data.name, or use random")
    rows = interactions.where(interactions.split == TRAIN)
    events = np.bincount(rows.item, minlength=spec.num_items)
    mean = np.bincount(rows.item, rows.feedback, spec.num_items) / np.maximum(events, 1)
    count = item_popularity(rows, config.popularity)
    return {"popular": {"logits": jnp.asarray(descending_logits(np.lexsort((-mean, -count))))}}


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the policy; it is estimated from a log and has no learner.

    Raises:
      JaxrecError: the environment's actions are continuous, or `popularity` is unknown.
    """
    popularity.check("algorithm.popularity", config.popularity)
    if spec.action_size:
        raise JaxrecError("popular needs items to act with, but actions are continuous here; use random")

    def act(params: Params, carry: tuple, observation: Observation, key: Array) -> tuple[tuple, Array]:
        del key
        logits = params["popular"]["logits"]
        return carry, jnp.broadcast_to(logits[None], (observation.turn.shape[0], spec.num_items))

    return Algorithm(None, None, Policy(lambda params, num_users: (), act), estimate=partial(estimate, config, spec))

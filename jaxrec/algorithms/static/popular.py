"""Everyone gets the items most often logged in training, most popular first."""

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

STEP = 20.0  # between neighbouring ranks: a softmax sample of the logits follows the order too, but for 1 in 5e8


def defaults() -> ConfigDict:
    """Nothing to set."""
    return ConfigDict()


def preference(order: np.ndarray) -> np.ndarray:
    """Logits [A] that descend along `order`, a permutation of the items, best first."""
    logits = np.empty(len(order), np.float32)
    logits[order] = -STEP * np.arange(len(order), dtype=np.float32)
    return logits


def estimate(config: ConfigDict, spec: EnvironmentSpec, interactions: Interactions | None, **facts: Any) -> Params:
    """Order by number of training rows; ties by their mean feedback.

    Raises:
      JaxrecError: there is no log to count in.
    """
    del config, facts
    if interactions is None:
        raise JaxrecError("popular counts a log, but no dataset is configured; set data.name, or use random")
    rows = interactions.where(interactions.split == TRAIN)
    count = np.bincount(rows.item, minlength=spec.num_items)
    mean = np.bincount(rows.item, rows.feedback, spec.num_items) / np.maximum(count, 1)
    return {"popular": {"logits": jnp.asarray(preference(np.lexsort((-mean, -count))))}}


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Item actions only.

    Raises:
      JaxrecError: the environment's actions are continuous.
    """
    if spec.action_size:
        raise JaxrecError("popular needs items to act with, but actions are continuous here; use random")

    def act(params: Params, carry: tuple, observation: Observation, key: Array) -> tuple[tuple, Array]:
        del key
        logits = params["popular"]["logits"]
        return carry, jnp.broadcast_to(logits[None], (observation.turn.shape[0], spec.num_items))

    return Algorithm(None, None, Policy(lambda params, num_users: (), act), estimate=partial(estimate, config, spec))

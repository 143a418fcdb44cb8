"""The rewards of accuracy, diversity and novelty, each learned by a Q-head of its own in SMORL and SMONAC (Stamenkovic
et al., 2022; T 4.5.1).

The accuracy reward is the log's. Diversity and novelty are rewards of the item that the supervised head ranks first in
the same state, so these heads learn what the recommendations are worth, not what users found without them.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, softmax_head
from jaxrec.algorithms.next_item.double import DoubleQBatch
from jaxrec.algorithms.next_item.transitions import ItemTransitions
from jaxrec.base import ranges
from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import SequencesSpec
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.losses import catalogue, sequence

HEADS = ("accuracy", "diversity", "novelty")

RANGES = {
    **double.RANGES,
    "weights": ranges.list_of_length(
        len(HEADS), ranges.NOT_NEGATIVE, f"{ranges.NOT_NEGATIVE.allowed}, for each of {', '.join(HEADS)}"
    ),
}


def defaults() -> ConfigDict:
    config = double.defaults()
    config.weights = (1.0, 1.0, 1.0)  # of the heads: accuracy, diversity, novelty
    return config


def check_objectives(config: ConfigDict, spec: SequencesSpec, vectors: np.ndarray | None) -> None:
    """Raises JaxrecError where the data lack what a reward needs."""
    if vectors is None:
        raise JaxrecError(
            "the diversity reward needs item vectors: name a next-item model's beside the data, `vectors`"
        )
    if spec.tail is None:
        raise JaxrecError("the novelty reward needs to know which items few know: train on `sequences` of a log")


def rewards(spec: SequencesSpec, vectors: np.ndarray, batch: DoubleQBatch) -> Array:
    """Returns the rewards of the three heads, float32 [R, 3], constants.

    With x the last item of the state and y the item that the supervised head ranks first: the log's reward of the
    action; 1 - cos(x, y) by the frozen item vectors; 1 if y is in the tail of less popular items, else 0.
    """
    vectors, tail = jnp.asarray(vectors, jnp.float32), jnp.asarray(spec.tail)
    head, steps = softmax_head.of(batch.network), batch.transitions
    ranked_first = catalogue.best_item(batch.states, head["table"], head["bias"])
    cosine = jnp.sum(unit_vectors(vectors[steps.previous]) * unit_vectors(vectors[ranked_first]), -1)
    return jnp.stack([steps.reward, 1.0 - cosine, tail[ranked_first].astype(jnp.float32)], -1)


def mean_values(values: Array, transitions: ItemTransitions) -> dict[str, Array]:
    """Returns each head's mean Q-value of the logged actions [R, 3], as metrics."""
    return {
        f"train/{name}_value": sequence.masked_mean(values[:, head], transitions.real)
        for head, name in enumerate(HEADS)
    }

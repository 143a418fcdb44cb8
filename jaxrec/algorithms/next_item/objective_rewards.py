"""The three rewards that SMORL and SMONAC learn one Q-head each for (Stamenkovic et al., 2022; T 4.5.1).

Accuracy is the log's own; diversity and novelty are those of what the supervised head would show in the same state, so
that the heads learn what the recommendations are worth and not what the user found without them.
"""

from __future__ import annotations

import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double
from jaxrec.algorithms.next_item.double import Drawn
from jaxrec.algorithms.next_item.transitions import Transitions
from jaxrec.base import ranges
from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import Spec
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.losses import catalogue, sequence

OBJECTIVES = ("accuracy", "diversity", "novelty")


def defaults() -> ConfigDict:
    config = double.defaults()
    config.weights = (1.0, 1.0, 1.0)  # of the heads: accuracy, diversity, novelty
    return config


def check(config: ConfigDict, spec: Spec) -> None:
    """Raises JaxrecError where a reward cannot be told, or the weights are not one per objective."""
    if len(config.weights) != len(OBJECTIVES) or not all(map(ranges.NOT_NEGATIVE.holds, config.weights)):
        raise JaxrecError(
            f"algorithm.weights {tuple(config.weights)} must be {ranges.NOT_NEGATIVE.allowed} "
            f"for each of {', '.join(OBJECTIVES)}"
        )
    if spec.vectors is None:
        raise JaxrecError("the diversity reward needs item vectors: name a next-item model's fit stage as `vectors`")
    if spec.tail is None:
        raise JaxrecError("the novelty reward needs to know which items few know: train on `sequences` of a log")


def rewards(spec: Spec, drawn: Drawn) -> Array:
    """[R, 3]: the log's reward; of the supervised head's first item, 1 - cos to the item before (frozen vectors), and 1
    if it is in the tail. Constants."""
    vectors, tail = jnp.asarray(spec.vectors, jnp.float32), jnp.asarray(spec.tail)
    output = drawn.network["output"]
    shown = catalogue.best(drawn.hidden, output["table"], output["bias"])
    likeness = jnp.sum(unit_vectors(vectors[drawn.steps.previous]) * unit_vectors(vectors[shown]), -1)
    return jnp.stack([drawn.steps.reward, 1.0 - likeness, tail[shown].astype(jnp.float32)], -1)


def report(values: Array, steps: Transitions) -> dict[str, Array]:
    """The mean value of the taken actions [R, 3] by each head."""
    means = {name: sequence.masked_mean(values[:, head], steps.real) for head, name in enumerate(OBJECTIVES)}
    return {f"train/{name}_value": mean for name, mean in means.items()}

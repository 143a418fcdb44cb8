"""SMONAC: SMORL that also learns the Q-values of items that were not taken (Zhou et al., 2023; T 4.5.1).

Our reading: the sampled items have the same reward under all three heads and bootstrap at s, as in SNQN; no advantage
weights the cross-entropy.
"""

from __future__ import annotations

import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, objective_rewards, value_terms
from jaxrec.algorithms.next_item.double import DoubleQBatch
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import SequencesSpec

RANGES = {**objective_rewards.RANGES, **value_terms.NEGATIVE_RANGES}


def defaults() -> ConfigDict:
    config = objective_rewards.defaults()
    config.update(value_terms.negative_defaults())
    return config


def make(config: ConfigDict, spec: SequencesSpec, *, vectors: np.ndarray | None = None) -> Algorithm:
    """Makes the algorithm for `records.NextItem`.

    Args:
      vectors: float32 [A, E], item vectors of another model, whose cosines say how alike items are.

    Raises:
      JaxrecError: settings that cannot be, or data without item vectors or popularity.
    """
    ranges.check("algorithm.", config, RANGES)
    objective_rewards.check_objectives(config, spec, vectors)

    def terms(batch: DoubleQBatch, key: Array):
        steps, values = batch.transitions, value_terms.action_values(config, spec, batch, key)
        rewards = objective_rewards.rewards(spec, vectors, batch)
        losses = {
            "next_item": value_terms.next_item_loss(batch),
            "value": value_terms.positive_td_loss(config, batch, values.positive, rewards, config.weights),
            "negative": value_terms.negative_td_loss(config, batch, values, config.weights),
        }
        return losses, objective_rewards.mean_values(values.positive, steps)

    return double.algorithm(config, spec, terms, weights=config.weights)

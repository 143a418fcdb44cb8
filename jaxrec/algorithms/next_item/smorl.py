"""SMORL: SQN with one Q-head each for accuracy, diversity and novelty (Stamenkovic et al., 2022; T 4.5.1).

L = cross-entropy + w sum over heads k of w_k (r_k + discount * Q'_k(s', a*) - Q_k(s, a))^2, where w is `value_weight`
and w_k are `weights`. Our reading: one action a* for all heads, the best by the weighted sum of their values.
"""

from __future__ import annotations

import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, objective_rewards, value_terms
from jaxrec.algorithms.next_item.double import DoubleQBatch
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import SequencesSpec

RANGES = objective_rewards.RANGES


def defaults() -> ConfigDict:
    return objective_rewards.defaults()


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
        del key
        steps, values = batch.transitions, value_terms.positive_values(batch)
        rewards = objective_rewards.rewards(spec, vectors, batch)
        losses = {
            "next_item": value_terms.next_item_loss(batch),
            "value": value_terms.positive_td_loss(config, batch, values, rewards, config.weights),
        }
        return losses, objective_rewards.mean_values(values, steps)

    return double.algorithm(config, spec, terms, weights=config.weights)

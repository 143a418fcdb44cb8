"""SQN: a Q-head beside the supervised head, both of which train the encoder (Xin et al., 2020; T 4.5.1).

L = cross-entropy + w (r + discount * Q'(s', argmax Q(s', .)) - Q(s, a))^2, where w is `value_weight`.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, value_terms
from jaxrec.algorithms.next_item.double import DoubleQBatch
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import SequencesSpec
from jaxrec.losses import sequence

RANGES = double.RANGES


def defaults() -> ConfigDict:
    return double.defaults()


def make(config: ConfigDict, spec: SequencesSpec) -> Algorithm:
    """Makes the algorithm for `records.NextItem`.

    Raises:
      JaxrecError: settings that cannot be.
    """
    ranges.check("algorithm.", config, RANGES)

    def terms(batch: DoubleQBatch, key: Array):
        del key
        steps, values = batch.transitions, value_terms.positive_values(batch)
        losses = {
            "next_item": value_terms.next_item_loss(batch),
            "value": value_terms.positive_td_loss(config, batch, values, steps.reward[:, None]),
        }
        return losses, {"train/value": sequence.masked_mean(values[:, 0], steps.real)}

    return double.algorithm(config, spec, terms)

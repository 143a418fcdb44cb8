"""SNQN: SQN that also learns the Q-values of items that were not taken (Xin et al., 2022; L 3.3).

L = cross-entropy + w (r + discount * Q'(s', argmax Q(s', .)) - Q(s, a+))^2
                  + w sum over a- of (r- + discount * Q'(s, argmax Q(s, .)) - Q(s, a-))^2,
where w is `value_weight` and a- are sampled items, which leave the state as it is (L Eq. 10, L Eq. 11).
"""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, value_terms
from jaxrec.algorithms.next_item.double import DoubleQBatch
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import SequencesSpec
from jaxrec.losses import sequence

RANGES = {**double.RANGES, **value_terms.NEGATIVE_RANGES}


def defaults() -> ConfigDict:
    config = double.defaults()
    config.update(value_terms.negative_defaults())
    return config


def make(config: ConfigDict, spec: SequencesSpec) -> Algorithm:
    """Makes the algorithm for `records.NextItem`.

    Raises:
      JaxrecError: settings that cannot be.
    """
    ranges.check("algorithm.", config, RANGES)

    def terms(batch: DoubleQBatch, key: Array):
        steps, values = batch.transitions, value_terms.action_values(config, spec, batch, key)
        losses = {
            "next_item": value_terms.next_item_loss(batch),
            "value": value_terms.positive_td_loss(config, batch, values.positive, steps.reward[:, None]),
            "negative": value_terms.negative_td_loss(config, batch, values),
        }
        return losses, {"train/value": sequence.masked_mean(values.positive[:, 0], steps.real)}

    return double.algorithm(config, spec, terms)

"""SNQN: SQN that also learns the values of items the user was not seen to take (Xin et al., 2022; L 3.3).

L = cross-entropy + w (r + discount * Q'(s', argmax Q(s', .)) - Q(s, a+))^2
                  + w sum over negatives (r- + discount * Q'(s, argmax Q(s, .)) - Q(s, a-))^2: a- leaves s as it is;
w is the value_weight.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, supervised, value_terms
from jaxrec.algorithms.next_item.double import Drawn
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import Spec
from jaxrec.losses import sequence


def defaults() -> ConfigDict:
    config = double.defaults()
    config.update(value_terms.negative_defaults())
    return config


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem`; raises JaxrecError on bad settings."""
    value_terms.check_negatives(config)

    def terms(drawn: Drawn, key: Array):
        steps, values = drawn.steps, value_terms.with_sampled(config, spec, drawn, key)
        losses = {
            "next_item": supervised.loss(drawn.network, drawn.hidden, steps.action, steps.real),
            "value": value_terms.taken_error(config, drawn, values.taken, steps.reward[:, None]),
            "negative": value_terms.sampled_error(config, drawn, values),
        }
        return losses, {"train/value": sequence.masked_mean(values.taken[:, 0], steps.real)}

    return double.algorithm(config, spec, terms)

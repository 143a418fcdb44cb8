"""SQN: a Q-head beside the supervised one, both teaching the encoder (Xin et al., 2020; T 4.5.1).

L = cross-entropy + w (r + discount * Q'(s', argmax Q(s', .)) - Q(s, a))^2, w the value_weight.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, supervised, value_terms
from jaxrec.algorithms.next_item.double import Drawn
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import Spec
from jaxrec.losses import sequence


def defaults() -> ConfigDict:
    return double.defaults()


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem`; raises JaxrecError on bad settings."""

    def terms(drawn: Drawn, key: Array):
        del key
        steps, values = drawn.steps, value_terms.taken(drawn)
        losses = {
            "next_item": supervised.loss(drawn.network, drawn.hidden, steps.action, steps.real),
            "value": value_terms.taken_error(config, drawn, values, steps.reward[:, None]),
        }
        return losses, {"train/value": sequence.masked_mean(values[:, 0], steps.real)}

    return double.algorithm(config, spec, terms)

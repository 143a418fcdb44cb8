"""SMORL: SQN with one Q-head per objective, accuracy, diversity and novelty (Stamenkovic et al., 2022; T 4.5.1).

L = cross-entropy + w sum over heads k of w_k (r_k + discount * Q'_k(s', a*) - Q_k(s, a))^2, w the value_weight. Our
reading: one action a* for all heads, the best by their weighted sum.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, objective_rewards, supervised, value_terms
from jaxrec.algorithms.next_item.double import Drawn
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import Spec


def defaults() -> ConfigDict:
    return objective_rewards.defaults()


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem`; raises JaxrecError on bad settings or where a reward cannot be told."""
    objective_rewards.check(config, spec)

    def terms(drawn: Drawn, key: Array):
        del key
        steps, values = drawn.steps, value_terms.taken(drawn)
        rewards = objective_rewards.rewards(spec, drawn)
        losses = {
            "next_item": supervised.loss(drawn.network, drawn.hidden, steps.action, steps.real),
            "value": value_terms.taken_error(config, drawn, values, rewards, config.weights),
        }
        return losses, objective_rewards.report(values, steps)

    return double.algorithm(config, spec, terms, weights=config.weights)

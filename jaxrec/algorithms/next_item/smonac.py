"""SMONAC: SMORL that also learns the values of items the user was not seen to take (Zhou et al., 2023; T 4.5.1).

Our reading: all heads' negatives are rewarded alike and bootstrap at s, as SNQN's do; no head weighs the cross-entropy.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, objective_rewards, supervised, value_terms
from jaxrec.algorithms.next_item.double import Drawn
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import Spec


def defaults() -> ConfigDict:
    config = objective_rewards.defaults()
    config.update(value_terms.negative_defaults())
    return config


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem`; raises JaxrecError on bad settings or where a reward cannot be told."""
    objective_rewards.check(config, spec)
    value_terms.check_negatives(config)

    def terms(drawn: Drawn, key: Array):
        steps, values = drawn.steps, value_terms.with_sampled(config, spec, drawn, key)
        rewards = objective_rewards.rewards(spec, drawn)
        losses = {
            "next_item": supervised.loss(drawn.network, drawn.hidden, steps.action, steps.real),
            "value": value_terms.taken_error(config, drawn, values.taken, rewards, config.weights),
            "negative": value_terms.sampled_error(config, drawn, values, config.weights),
        }
        return losses, objective_rewards.report(values.taken, steps)

    return double.algorithm(config, spec, terms, weights=config.weights)

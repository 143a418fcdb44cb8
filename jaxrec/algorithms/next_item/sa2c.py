"""SA2C: SNQN whose cross-entropy, after a warm-up, is weighted by the advantage of the taken item (Xin et al., 2022).

L = A * cross-entropy + SNQN's errors of Q; A = Q(s, a+) less the mean over a+ and the negatives, in [0, 10] (L Eq. 12).
As in their code a fresh optimizer of a lower rate takes over after the warm-up.
"""

from __future__ import annotations

import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, snqn, supervised, value_terms
from jaxrec.algorithms.next_item.double import Drawn
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import Spec
from jaxrec.losses import sampled_actions, sequence


def defaults() -> ConfigDict:
    config = snqn.defaults()
    config.warmup_steps = 15_000  # as SNQN
    config.warm_factor = 0.2  # of the rate after it: published 0.001, where it had been 0.005 or 0.01
    config.highest_advantage = 10.0  # the lowest is 0
    return config


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem`; raises JaxrecError on bad settings."""
    value_terms.check_negatives(config)
    wanted = {"warmup_steps": ranges.WHOLE, "warm_factor": ranges.POSITIVE, "highest_advantage": ranges.POSITIVE}
    ranges.check("algorithm.", config, wanted)

    def terms(drawn: Drawn, key: Array, *, warm: Array):
        steps, values = drawn.steps, value_terms.with_sampled(config, spec, drawn, key)
        advantage = sampled_actions.advantage(
            values.taken[:, 0], values.sampled[..., 0], values.counts, highest=config.highest_advantage
        )
        weight = jnp.where(warm, advantage, 1.0)
        losses = {
            "next_item": supervised.loss(drawn.network, drawn.hidden, steps.action, steps.real, scale=weight),
            "value": value_terms.taken_error(config, drawn, values.taken, steps.reward[:, None]),
            "negative": value_terms.sampled_error(config, drawn, values),
        }
        metrics = {"value": values.taken[:, 0], "advantage": advantage}
        return losses, {f"train/{name}": sequence.masked_mean(x, steps.real) for name, x in metrics.items()}

    schedules = {"warm": lambda step: step >= config.warmup_steps}
    return double.algorithm(config, spec, terms, schedules=schedules, restart=(config.warmup_steps, config.warm_factor))

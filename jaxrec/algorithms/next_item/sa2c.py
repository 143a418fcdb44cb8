"""SA2C: SNQN that, after a warm-up, weights the cross-entropy by the advantage of the logged item (Xin et al., 2022).

L = A * cross-entropy + SNQN's two Q-losses, where A = Q(s, a+) less the mean Q-value of a+ and the sampled items,
clipped to [0, 10] (L Eq. 12 with one sampled item). As in the authors' code a fresh optimizer with a lower learning
rate takes over after the warm-up.
"""

from __future__ import annotations

import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, snqn, softmax_head, value_terms
from jaxrec.algorithms.next_item.double import DoubleQBatch
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array
from jaxrec.base.specs import SequencesSpec
from jaxrec.losses import sampled_actions, sequence

RANGES = {
    **snqn.RANGES,
    "warmup_steps": ranges.WHOLE,
    "warm_factor": ranges.POSITIVE,
    "highest_advantage": ranges.POSITIVE,
}


def defaults() -> ConfigDict:
    config = snqn.defaults()
    config.warmup_steps = 15_000  # of SNQN before the advantage counts
    config.warm_factor = 0.2  # of the learning rate after them: published 0.001, where it had been 0.005 or 0.01
    config.highest_advantage = 10.0  # the lowest is 0
    return config


def make(config: ConfigDict, spec: SequencesSpec) -> Algorithm:
    """Makes the algorithm for `records.NextItem`.

    Raises:
      JaxrecError: settings that cannot be.
    """
    ranges.check("algorithm.", config, RANGES)

    def terms(batch: DoubleQBatch, key: Array, *, warm: Array):
        """`warm`: bool scalar, True after the warm-up."""
        steps, values = batch.transitions, value_terms.action_values(config, spec, batch, key)
        advantage = sampled_actions.advantage(
            values.positive[:, 0], values.negative[..., 0], values.is_negative, highest=config.highest_advantage
        )
        weight = jnp.where(warm, advantage, 1.0)
        head = softmax_head.of(batch.network)
        losses = {
            "next_item": softmax_head.cross_entropy(head, batch.states, steps.action, steps.real, scale=weight),
            "value": value_terms.positive_td_loss(config, batch, values.positive, steps.reward[:, None]),
            "negative": value_terms.negative_td_loss(config, batch, values),
        }
        metrics = {"value": values.positive[:, 0], "advantage": advantage}
        return losses, {f"train/{name}": sequence.masked_mean(x, steps.real) for name, x in metrics.items()}

    schedules = {"warm": lambda step: step >= config.warmup_steps}
    return double.algorithm(config, spec, terms, schedules=schedules, restart=(config.warmup_steps, config.warm_factor))

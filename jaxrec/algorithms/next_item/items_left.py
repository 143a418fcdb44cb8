"""The control for SQN without reinforcement learning: beside the softmax, a regression of how many items are left.

Under a reward of 1 per item a state's value says little more than how many items follow. So if this regression gains as
much over cross-entropy as SQN does, SQN's gain comes from having an auxiliary task and not from learning by rewards.
Our reading: a linear head on the state and the squared error of log(1 + items left), because sessions differ in length
by orders of magnitude.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import softmax_head, supervised, target_positions, transitions
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.losses import sequence
from jaxrec.training import learner, optimizers

RANGES = {**supervised.RANGES, "left_weight": ranges.NOT_NEGATIVE}


def defaults() -> ConfigDict:
    config = supervised.defaults()
    config.left_weight = 1.0  # of the regression
    return config


def make(config: ConfigDict, spec: SequencesSpec) -> Algorithm:
    """Makes the algorithm for `records.NextItem` with sequences of `spec.length` + 1 items.

    Raises:
      JaxrecError: settings that cannot be.
    """
    ranges.check("algorithm.", config, RANGES)
    model = supervised.softmax_model(config, spec)

    def init_params(key: Array) -> Params:
        key_model, key_left = jax.random.split(key)
        kernel = jax.random.normal(key_left, (config.width,)) * config.width**-0.5
        return model.init(key_model) | {"left": {"kernel": kernel, "bias": jnp.zeros(())}}

    def loss_fn(params: Params, batch: Sequences, key: Array):
        key_position, key_dropout = jax.random.split(key)
        positions = target_positions.draw(config, batch.mask[:, 1:], key_position)
        states = target_positions.states(model, params, batch, positions, key_dropout)
        logged = transitions.from_sequences(batch)
        steps = jax.tree.map(lambda x: target_positions.select(x, positions), logged)
        predicted = states @ params["left"]["kernel"] + params["left"]["bias"]
        error = jnp.square(predicted - jnp.log1p(steps.items_left))
        losses = {
            "next_item": softmax_head.cross_entropy(softmax_head.of(params), states, steps.action, steps.real),
            "items_left": config.left_weight * sequence.masked_mean(error, steps.real),
        }
        return losses, {}

    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer))
    return supervised.ranked_by_softmax(config, model, learning)

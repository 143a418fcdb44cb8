"""The control without reinforcement learning: one more regression beside the softmax, how many items are left.

A state's value under a reward of 1 per item says little else than that; what this gains over cross-entropy alone, SQN's
gain owes to an auxiliary task and not to learning from rewards. Our reading: a linear head on the state, the squared
error of log(1 + items of the session after it), for sessions differ in length by orders of magnitude.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import supervised, transitions
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import Sequences
from jaxrec.base.specs import Spec
from jaxrec.losses import sequence
from jaxrec.models.history import take
from jaxrec.training import learner, optimizers


def defaults() -> ConfigDict:
    config = supervised.defaults()
    config.left_weight = 1.0  # of the regression
    return config


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem`; raises JaxrecError on bad settings."""
    model = supervised.build(config, spec)

    def init_params(key: Array) -> Params:
        key_model, key_left = jax.random.split(key)
        kernel = jax.random.normal(key_left, (config.width,)) * config.width**-0.5
        return model.init(key_model) | {"left": {"kernel": kernel, "bias": jnp.zeros(())}}

    def loss_fn(params: Params, batch: Sequences, key: Array):
        key_place, key_dropout = jax.random.split(key)
        places = supervised.targets(config, batch.mask[:, 1:], key_place)
        inputs = (x[:, :-1] for x in (batch.item, batch.feedback, batch.mask))
        hidden = model.states(params, *inputs, places, key_dropout)
        steps = jax.tree.map(lambda x: take(x, places), transitions.of(batch))
        predicted = hidden @ params["left"]["kernel"] + params["left"]["bias"]
        error = jnp.square(predicted - jnp.log1p(steps.items_left))
        losses = {
            "next_item": supervised.loss(params, hidden, steps.action, steps.real),
            "items_left": config.left_weight * sequence.masked_mean(error, steps.real),
        }
        return losses, {}

    return supervised.algorithm(
        config, model, learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer))
    )

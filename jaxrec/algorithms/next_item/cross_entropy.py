"""A sequence encoder with a softmax over the catalogue: GRU4Rec, Caser, NextItNet, SASRec (T 4.5.1, 5.4.2: "Normal").

The loss is the cross-entropy of the next item over all items, at every place of a sequence in one pass.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import supervised
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import Sequences
from jaxrec.base.specs import Spec
from jaxrec.losses import catalogue
from jaxrec.models.history import take
from jaxrec.training import learner, optimizers


def defaults() -> ConfigDict:
    config = supervised.defaults()
    config.num_negatives = 0  # items sampled per step for a corrected softmax; 0 = the whole catalogue, exactly
    return config


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem` with rows of `spec.max_turn` items; raises JaxrecError on bad settings."""
    ranges.check("algorithm.", config, {"num_negatives": ranges.WHOLE})
    model = supervised.build(config, spec)

    def loss_fn(params: Params, batch: Sequences, key: Array):
        key_place, key_negatives, key_dropout = jax.random.split(key, 3)
        places = supervised.targets(config, batch.mask[:, 1:], key_place)
        inputs = (x[:, :-1] for x in (batch.item, batch.feedback, batch.mask))
        hidden = model.states(params, *inputs, places, key_dropout)
        label, mask = (take(x[:, 1:], places) for x in (batch.item, batch.mask))
        if not config.num_negatives:
            return {"next_item": supervised.loss(params, hidden, label, mask)}, {}
        negatives = jax.random.randint(key_negatives, (config.num_negatives,), 0, spec.num_items)
        expected = jnp.full((spec.num_items,), jnp.log(config.num_negatives / spec.num_items))
        rows = supervised.rows(params, hidden, label, mask)
        return {"next_item": catalogue.sampled_cross_entropy(*rows, negatives, expected)}, {}

    return supervised.algorithm(
        config, model, learner.from_loss(model.init, loss_fn, optimizers.make(config.optimizer))
    )

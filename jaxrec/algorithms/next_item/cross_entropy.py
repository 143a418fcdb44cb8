"""Next-item baselines without reinforcement learning: GRU4Rec, Caser, NextItNet or SASRec under a softmax (T 4.5.1;
"Normal" in T 5.4.2).

The loss is the cross-entropy of the next item over the whole catalogue, at every position of a sequence in one pass.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import softmax_head, supervised, target_positions
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.losses import catalogue
from jaxrec.training import learner, optimizers

RANGES = {**supervised.RANGES, "num_negatives": ranges.WHOLE}


def defaults() -> ConfigDict:
    config = supervised.defaults()
    config.num_negatives = 0  # items sampled per step for a corrected softmax; 0 = the whole catalogue, exactly
    return config


def make(config: ConfigDict, spec: SequencesSpec) -> Algorithm:
    """Makes the algorithm for `records.NextItem` with sequences of `spec.length` + 1 items.

    Raises:
      JaxrecError: settings that cannot be.
    """
    ranges.check("algorithm.", config, RANGES)
    model = supervised.softmax_model(config, spec)

    def loss_fn(params: Params, batch: Sequences, key: Array):
        key_position, key_negatives, key_dropout = jax.random.split(key, 3)
        positions = target_positions.draw(config, batch.mask[:, 1:], key_position)
        states = target_positions.states(model, params, batch, positions, key_dropout)
        label, mask = (target_positions.select(x[:, 1:], positions) for x in (batch.item, batch.mask))
        if not config.num_negatives:
            return {"next_item": softmax_head.cross_entropy(softmax_head.of(params), states, label, mask)}, {}
        negatives = jax.random.randint(key_negatives, (config.num_negatives,), 0, spec.num_items)
        log_expected_count = jnp.full((spec.num_items,), jnp.log(config.num_negatives / spec.num_items))
        rows = softmax_head.loss_rows(softmax_head.of(params), states, label, mask)
        return {"next_item": catalogue.sampled_cross_entropy(*rows, negatives, log_expected_count)}, {}

    learning = learner.from_loss(model.init, loss_fn, optimizers.make(config.optimizer))
    return supervised.ranked_by_softmax(config, model, learning)

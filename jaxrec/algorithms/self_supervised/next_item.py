"""A sequence encoder with a softmax over the catalogue: GRU4Rec, Caser, NextItNet, SASRec (T 4.5.1, 5.4.2: "Normal").

The loss is the cross-entropy of the next item over all items, at every place of a sequence in one pass.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.data import sequences
from jaxrec.losses import catalogue
from jaxrec.models import encoders
from jaxrec.models.history import History
from jaxrec.training import learner, optimizers, sources
from jaxrec.types import Algorithm, Array, JaxrecError, Params, Ranker, Sequences, Spec


def defaults() -> ConfigDict:
    """The thesis' sizes; the rate is one of those it searched."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 5e-3
    return ConfigDict(
        {
            "encoder": "sasrec",  # a file in models/encoders
            "width": 64,  # D, of items and states
            "batch_size": 256,  # sequences per step
            "targets": "all",  # every place of a sequence, or 'one', drawn anew at each step
            "num_negatives": 0,  # items sampled per step for a corrected softmax; 0 = the whole catalogue, exactly
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `data.sequences.NextItem` with rows of `spec.max_turn` items; raises JaxrecError on bad settings."""
    length = spec.max_turn - 1
    if config.targets not in ("all", "one"):
        raise JaxrecError(f"algorithm.targets {config.targets!r} is unknown; choose 'all' or 'one'")
    if length < 1 or config.num_negatives < 0:
        raise JaxrecError(
            f"sequences of {spec.max_turn} items, {config.num_negatives} negatives: 2 and 0 are the least"
        )
    scale = max(abs(bound) for bound in spec.reward_range) or 1.0
    encoder = encoders.make(config.encoder, num_items=spec.num_items, width=config.width, feedback_scale=scale)

    def init_params(key: Array) -> Params:
        key_encoder, key_output = jax.random.split(key)
        item = jnp.zeros((1, length), jnp.int32)
        variables = encoder.init(key_encoder, item, item.astype(jnp.float32), item == 0, every=True)
        table = jax.random.normal(key_output, (spec.num_items, config.width)) * config.width**-0.5
        return {"encoder": variables["params"], "output": {"table": table, "bias": jnp.zeros(spec.num_items)}}

    def states(params: Params, item: Array, feedback: Array, mask: Array) -> Array:
        """After the first `length` items each state is that of the last `length` ones, in a window of their own."""
        variables, rows = {"params": params["encoder"]}, (item, feedback, mask)
        first = encoder.apply(variables, *(_to_length(x[:, :length], length) for x in rows), every=True)
        if item.shape[1] <= length:
            return first[:, : item.shape[1]]
        place = jnp.arange(item.shape[1] - length)[:, None] + 1 + jnp.arange(length)[None]
        return jnp.concatenate([first, encoder.apply(variables, *(x[:, place] for x in rows))], axis=1)

    def scores(params: Params, states: Array) -> Array:
        return states @ params["output"]["table"].T + params["output"]["bias"][None]

    def loss_fn(params: Params, target_params: Params, batch: Sequences, key: Array):
        del target_params
        key_place, key_negatives = jax.random.split(key)
        hidden = states(params, batch.item[:, :-1], batch.feedback[:, :-1], batch.mask[:, :-1])
        label, mask = batch.item[:, 1:], batch.mask[:, 1:]
        if config.targets == "one":
            hidden, label, mask = _one(hidden, label, mask, key_place)
        hidden, label = hidden.reshape(-1, config.width), label.reshape(-1)
        weight = mask.reshape(-1).astype(jnp.float32)
        rows = hidden, params["output"]["table"], params["output"]["bias"], label, weight
        if not config.num_negatives:
            return {"next_item": catalogue.cross_entropy(*rows)}, {}
        negatives = jax.random.randint(key_negatives, (config.num_negatives,), 0, spec.num_items)
        expected = jnp.full((spec.num_items,), jnp.log(config.num_negatives / spec.num_items))
        return {"next_item": catalogue.sampled_cross_entropy(*rows, negatives, expected)}, {}

    def scorer(params: Params, history: History) -> Array:
        return scores(params, newest(states, params, history))

    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer))
    source = sources.logged(sequences.batches(config.batch_size))
    return Algorithm(learning, source, scorer=scorer, ranker=Ranker(states, scores))


def item_vectors(params: Params) -> Array:
    """[..., A, D], the items as the softmax knows them: what other systems take as given of an item's likeness."""
    return params["output"]["table"]


def _to_length(values: Array, length: int) -> Array:
    """[B, T] filled up with zeros at the end."""
    return jnp.pad(values, ((0, 0), (0, length - values.shape[1])))


def _one(hidden: Array, label: Array, mask: Array, key: Array) -> tuple[Array, Array, Array]:
    """One of the targets of each row, uniformly: hidden [B, 1, D], label and mask [B, 1]."""
    drawn = jnp.where(mask, jax.random.uniform(key, mask.shape), -1.0)
    place = jnp.argmax(drawn, 1, keepdims=True)
    hidden = jnp.take_along_axis(hidden, place[..., None], axis=1)
    return hidden, jnp.take_along_axis(label, place, axis=1), jnp.take_along_axis(mask, place, axis=1)


def newest(states, params: Params, history: History) -> Array:
    """[B, D], the state after the newest pair of histories as long as training's sequences.

    A history is padded on the left, sequences at the end: the pairs move to the places they had in training.
    """
    window = history.item.shape[1]
    place = jnp.arange(window)[None]
    source = (place + window - history.length[:, None]) % window
    item, feedback = (jnp.take_along_axis(x, source, axis=1) for x in (history.item, history.feedback))
    hidden = states(params, item, feedback, place < history.length[:, None])
    last = jnp.maximum(history.length - 1, 0)[:, None, None]
    return jnp.take_along_axis(hidden, last, axis=1)[:, 0]

"""The model that every next-item system contains: a sequence encoder and a softmax over the catalogue.

It learns by the cross-entropy of the next item over all items (T 4.13, T 4.14) and ranks by the same softmax.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import softmax_head
from jaxrec.algorithms.next_item.prefixes import Encode, row_states, row_states_at
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Learner, Params, Ranker, Transform
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import SequencesSpec
from jaxrec.batches import training_sequences
from jaxrec.models import encoders
from jaxrec.models.encoders.sequence_encoder import SequenceEncoder
from jaxrec.models.history import History
from jaxrec.training import optimizers, sources

RANGES = {
    "encoder": encoders.NAME,
    **ranges.under("encoder_options", encoders.OPTIONS),
    "width": ranges.COUNT,
    "tied": ranges.SWITCH,
    "batch_size": ranges.COUNT,
    "targets": ranges.choice("all", "one"),
    **ranges.under("optimizer", optimizers.RANGES),
}


def defaults() -> ConfigDict:
    """Returns the thesis' sizes (T 4.5.1, T 5.4.2); the learning rate is one of those it searched."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 5e-3
    return ConfigDict(
        {
            "encoder": "sasrec",  # a file in models/encoders
            "encoder_options": ConfigDict(),  # fields of its Encoder, such as num_layers, num_heads, dropout of sasrec
            "width": 64,  # D, of items and states
            "tied": False,  # True: the encoder's item embeddings are the softmax's table too
            "batch_size": 256,  # sequences per step
            "targets": "all",  # the loss is over 'all' positions of a sequence, or over 'one', drawn at each step
            "optimizer": optimizer,
        }
    )


class SoftmaxModel(NamedTuple):
    """A sequence encoder with a softmax over the catalogue, as pure functions of parameters with two roles.

    `init(key) -> params`, whose roles are `encoder` and `output`.
    `states(params, item [B, T], feedback, mask, key=None) -> [B, T, D]` and
    `states_at(params, item, feedback, mask, positions [B, P], key=None) -> [B, P, D]`, see `contracts.Ranker`; with a
    key the encoder's dropout is on.
    `scores(params, states [R, D]) -> [R, A]`, the softmax's logits.
    """

    init: Callable[[Array], Params]
    states: Callable[..., Array]
    states_at: Callable[..., Array]
    scores: Callable[[Params, Array], Array]


def check_sizes(config: ConfigDict, spec: SequencesSpec) -> None:
    """Raises JaxrecError where sequences are too short."""
    if spec.length < 1:
        raise JaxrecError(f"sequences of {spec.length + 1} items hold nothing to predict: 2 are the least")


def sequence_encoder(config: ConfigDict, spec: SequencesSpec) -> SequenceEncoder:
    """Makes the config's encoder; it divides feedback by the largest absolute reward of the data."""
    scale = max(abs(bound) for bound in spec.feedback_range) or 1.0
    sizes = {"num_items": spec.num_items, "width": config.width, "feedback_scale": scale}
    return encoders.make(config.encoder, **sizes, **config.encoder_options)


def softmax_model(config: ConfigDict, spec: SequencesSpec) -> SoftmaxModel:
    """Makes the model for sequences of `spec.length` + 1 items, all but the last of which the encoder reads.

    Raises:
      JaxrecError: settings that cannot be.
    """
    check_sizes(config, spec)
    length = spec.length
    encoder = sequence_encoder(config, spec)

    def init(key: Array) -> Params:
        key_encoder, key_output = jax.random.split(key)
        item = jnp.zeros((1, length), jnp.int32)
        variables = encoder.init(key_encoder, item, item.astype(jnp.float32), item == 0, method="states")
        output = softmax_head.init(key_output, spec.num_items, config.width, tied=config.tied)
        return {"encoder": variables["params"], "output": output}

    def encode(params: Params, key: Array | None) -> Encode:
        return functools.partial(encoder.apply, {"params": params["encoder"]}, rngs=dropout_rngs(key))

    def states(params: Params, item: Array, feedback: Array, mask: Array, key: Array | None = None) -> Array:
        return row_states(encode(params, key), item, feedback, mask, length=length)

    def states_at(
        params: Params, item: Array, feedback: Array, mask: Array, positions: Array, key: Array | None = None
    ) -> Array:
        return row_states_at(encode(params, key), item, feedback, mask, positions, length=length)

    def scores(params: Params, states: Array) -> Array:
        return softmax_head.logits(softmax_head.of(params), states)

    return SoftmaxModel(init, states, states_at, scores)


def dropout_rngs(key: Array | None) -> dict[str, Array] | None:
    """Returns flax's `rngs` with the key for dropout; None, which switches dropout off, without a key."""
    return None if key is None else {"dropout": key}


def ranked_by_softmax(
    config: ConfigDict,
    model: SoftmaxModel,
    learner: Learner,
    ranking_params: Callable[[Params], Params] = lambda params: params,
) -> Algorithm:
    """Makes the algorithm that learns from `records.NextItem` and ranks by the model's softmax.

    Args:
      ranking_params: learned parameters -> those of the model that ranks.
    """

    def states(params: Params, item: Array, feedback: Array, mask: Array) -> Array:
        return model.states(ranking_params(params), item, feedback, mask)

    def states_at(params: Params, item: Array, feedback: Array, mask: Array, positions: Array) -> Array:
        return model.states_at(ranking_params(params), item, feedback, mask, positions)

    def scores(params: Params, states: Array) -> Array:
        return model.scores(ranking_params(params), states)

    ranker = Ranker(states, states_at, scores)
    source = sources.logged(training_sequences.random_sequences(config.batch_size))
    vectors = Transform(
        num_rows=lambda data: data.popularity.shape[0],
        annotate=lambda params, data, rows: item_vectors(ranking_params(params))[rows],
    )
    return Algorithm(
        learner, source, scorer=history_scorer(ranker), ranker=ranker, transforms={"item_vectors": vectors}
    )


def history_scorer(ranker: Ranker) -> Callable[[Params, History], Array]:
    """Makes `scorer(params, history) -> [B, A]`, the ranker's scores after the newest pair of each history.

    A history is padded on the left and sequences at the end, so the pairs first move to the positions they had in
    training.
    """

    def scorer(params: Params, history: History) -> Array:
        window = history.item.shape[1]
        position = jnp.arange(window)[None]
        source = (position + window - history.length[:, None]) % window
        item, feedback = (jnp.take_along_axis(x, source, axis=1) for x in (history.item, history.feedback))
        newest = jnp.maximum(history.length - 1, 0)[:, None]
        mask = position < history.length[:, None]
        return ranker.scores(params, ranker.states_at(params, item, feedback, mask, newest)[:, 0])

    return scorer


def item_vectors(params: Params) -> Array:
    """Returns the rows of the softmax's table [..., A, D]: item vectors that other systems compare items by."""
    return softmax_head.of(params)["table"]

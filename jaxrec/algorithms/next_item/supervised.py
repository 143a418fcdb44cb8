"""What every next-item model is made of: a sequence encoder, a softmax over the catalogue, its loss, and how it ranks.

The loss is the cross-entropy of the next item over all items, at every place of a sequence in one pass (L_S of T 4.4).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item.prefixes import prefixes
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Learner, Params, Ranker, Transform
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import Spec
from jaxrec.data import sequences
from jaxrec.losses import catalogue
from jaxrec.models import encoders
from jaxrec.models.history import EVERY, History
from jaxrec.training import optimizers, sources


def defaults() -> ConfigDict:
    """The thesis' sizes; the rate is one of those it searched."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 5e-3
    return ConfigDict(
        {
            "encoder": "sasrec",  # a file in models/encoders
            "encoder_options": ConfigDict(),  # fields of its Encoder: num_layers, num_heads, dropout of sasrec, for one
            "width": 64,  # D, of items and states
            "batch_size": 256,  # sequences per step
            "targets": "all",  # every place of a sequence, or 'one', drawn anew at each step
            "optimizer": optimizer,
        }
    )


class Supervised(NamedTuple):
    """`init(key) -> params` with the roles `encoder` and `output`; `states` and `scores` as in `types.Ranker`, of any
    params that hold these two. `states(..., key=key)` drops out what an encoder's `dropout` says."""

    init: Callable[[Array], Params]
    states: Callable[..., Array]
    scores: Callable[[Params, Array], Array]


def check(config: ConfigDict, spec: Spec) -> None:
    """Raises JaxrecError at what no model of sequences can work with: sizes, weights of losses, rows too short."""
    if spec.max_turn < 2:
        raise JaxrecError(f"sequences of {spec.max_turn} items hold nothing to predict: 2 are the least")
    weights = {leaf: ranges.NOT_NEGATIVE for leaf in config if leaf.endswith("_weight")}
    ranges.check("algorithm.", config, {"width": ranges.COUNT, "batch_size": ranges.COUNT, **weights})


def build(config: ConfigDict, spec: Spec) -> Supervised:
    """For rows of `spec.max_turn` items, of which a state sees all but one; raises JaxrecError on bad settings."""
    check(config, spec)
    if config.targets not in ("all", "one"):
        raise JaxrecError(f"algorithm.targets {config.targets!r} is unknown; choose 'all' or 'one'")
    length = spec.max_turn - 1
    scale = max(abs(bound) for bound in spec.reward_range) or 1.0
    sizes = {"num_items": spec.num_items, "width": config.width, "feedback_scale": scale}
    encoder = encoders.make(config.encoder, **sizes, **config.encoder_options)

    def init(key: Array) -> Params:
        key_encoder, key_output = jax.random.split(key)
        item = jnp.zeros((1, length), jnp.int32)
        variables = encoder.init(key_encoder, item, item.astype(jnp.float32), item == 0, at=EVERY)
        return {"encoder": variables["params"], "output": init_head(key_output, spec.num_items, config.width)}

    def states(
        params: Params,
        item: Array,
        feedback: Array,
        mask: Array,
        places: Array | str = EVERY,
        key: Array | None = None,
    ) -> Array:
        encode = functools.partial(encoder.apply, {"params": params["encoder"]}, rngs=dropout(key))
        return windowed(encode, length, (item, feedback, mask), places)

    def scores(params: Params, states: Array) -> Array:
        return head_scores(params["output"], states)

    return Supervised(init, states, scores)


def windowed(encode: Callable[..., Array], length: int, rows: tuple[Array, ...], places: Array | str) -> Array:
    """States [B, P, D] after the places of rows [B, T], by an encoder of `length` items: those after the first `length`
    are of the last `length` ones, in a window of their own.

    Args:
      encode: (item [..., length], feedback, mask, at) -> states, as encoders have it.
    """
    longer = rows[0].shape[1] - length
    if longer > 0 and not isinstance(places, str):
        inside = jnp.minimum(places, length - 1)[..., None]
        return encode(*prefixes(length, *rows, places), at=inside)[..., 0, :]
    first = encode(*(_to_length(x[:, :length], length) for x in rows), at=places)
    if longer <= 0:
        return first[:, : rows[0].shape[1]]
    place = jnp.arange(longer)[:, None] + 1 + jnp.arange(length)[None]
    return jnp.concatenate([first, encode(*(x[:, place] for x in rows))], axis=1)


def dropout(key: Array | None) -> dict[str, Array] | None:
    """The random numbers an encoder drops out by in training; None where it should not."""
    return None if key is None else {"dropout": key}


def init_head(key: Array, num_items: int, width: int) -> dict[str, Array]:
    """A softmax over the catalogue: table [A, D] and bias [A]."""
    return {"table": jax.random.normal(key, (num_items, width)) * width**-0.5, "bias": jnp.zeros(num_items)}


def head_scores(head: Mapping[str, Array], states: Array) -> Array:
    """[R, A] of states [R, D]."""
    return states @ head["table"].T + head["bias"][None]


def loss(params: Params, hidden: Array, label: Array, weight: Array, scale: Array | None = None) -> Array:
    """L_S, a scalar: the weighted mean cross-entropy of label [...] given hidden [..., D], the whole catalogue.

    Args:
      scale: [...], what each loss counts beside its weight; the mean is still over the weights. A constant.
    """
    if scale is None:
        return catalogue.cross_entropy(*rows(params, hidden, label, weight))
    scaled = jax.lax.stop_gradient(scale * weight)
    mean = scaled.sum() / jnp.maximum(weight.sum(), 1)
    return mean * catalogue.cross_entropy(*rows(params, hidden, label, scaled))


def rows(params: Params, hidden: Array, label: Array, weight: Array) -> tuple[Array, ...]:
    """The arguments of the losses in `losses.catalogue`: (hidden [R, D], table, bias, label [R], weight [R])."""
    output, flat = params["output"], hidden.reshape(-1, hidden.shape[-1])
    weight = weight.reshape(-1).astype(jnp.float32)
    return flat, output["table"], output["bias"], label.reshape(-1), weight


def algorithm(
    config: ConfigDict,
    model: Supervised,
    learning: Learner,
    network: Callable[[Params], Params] = lambda params: params,
) -> Algorithm:
    """Learns from `data.sequences.NextItem`, ranks by the supervised head of `network(params)`."""

    def states(params: Params, item: Array, feedback: Array, mask: Array, places: Array | str = EVERY) -> Array:
        return model.states(network(params), item, feedback, mask, places)

    def scores(params: Params, states: Array) -> Array:
        return model.scores(network(params), states)

    def scorer(params: Params, history: History) -> Array:
        return scores(params, newest(states, params, history))

    source = sources.logged(sequences.batches(config.batch_size))
    vectors = Transform(
        num_rows=lambda data: data.popularity.shape[0],
        annotate=lambda params, data, rows: item_vectors(network(params))[rows],
    )
    return Algorithm(
        learning, source, scorer=scorer, ranker=Ranker(states, scores), transforms={"item_vectors": vectors}
    )


def item_vectors(params: Params) -> Array:
    """[..., A, D], the items as the softmax knows them: what other systems take as given of an item's likeness."""
    return params["output"]["table"]


def targets(config: ConfigDict, mask: Array, key: Array) -> Array | str:
    """The places that learn: `EVERY`, or int32 [B, 1], a real one of each row of the mask [B, T], uniformly."""
    if config.targets == "all":
        return EVERY
    drawn = jnp.where(mask, jax.random.uniform(key, mask.shape), -1.0)
    return jnp.argmax(drawn, 1, keepdims=True)


def newest(states: Callable[..., Array], params: Params, history: History) -> Array:
    """[B, D], the state after the newest pair of histories as long as training's sequences.

    A history is padded on the left, sequences at the end: the pairs move to the places they had in training.
    """
    window = history.item.shape[1]
    place = jnp.arange(window)[None]
    source = (place + window - history.length[:, None]) % window
    item, feedback = (jnp.take_along_axis(x, source, axis=1) for x in (history.item, history.feedback))
    newest = jnp.maximum(history.length - 1, 0)[:, None]
    return states(params, item, feedback, place < history.length[:, None], places=newest)[:, 0]


def _to_length(values: Array, length: int) -> Array:
    """[B, T] filled up with zeros at the end."""
    return jnp.pad(values, ((0, 0), (0, length - values.shape[1])))

"""The softmax over the catalogue that turns states into scores of all items, and its cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array, Params
from jaxrec.losses import catalogue
from jaxrec.models.encoders import interactions

Head = Mapping[str, Array]  # table [A, D], one row per item, and bias [A]


def init(key: Array, num_items: int, width: int, *, tied: bool = False) -> dict[str, Array]:
    """Draws a head: table [A, D] of rows whose length is about 1, and bias [A] of zeros; no table where it is tied."""
    bias = {"bias": jnp.zeros(num_items)}
    return bias if tied else {"table": jax.random.normal(key, (num_items, width)) * width**-0.5} | bias


def of(params: Params) -> Head:
    """Returns the head of a model with the roles `encoder` and `output`.

    Where `output` has no table of its own, the item embeddings that the encoder reads are the softmax's table too.
    """
    output = params["output"]
    if "table" in output:
        return output
    return output | {"table": interactions.item_vectors(params["encoder"])}


def logits(head: Head, states: Array) -> Array:
    """Scores every item for states [R, D]: [R, A] (T 4.13; L Eq. 7)."""
    return states @ head["table"].T + head["bias"][None]


def cross_entropy(head: Head, states: Array, label: Array, weight: Array, scale: Array | None = None) -> Array:
    """Returns the weighted mean of -log softmax(logits)[label] over the whole catalogue, a scalar (T 4.14; L Eq. 8).

    Args:
      states: float32 [..., D]. label: int32 [...], the item that came next. weight: [...], bool or float32, 0 on
        padding.
      scale: float32 [...] or None, a constant factor of each loss that does not count in the mean's denominator
        (SA2C's advantage).
    """
    if scale is None:
        return catalogue.cross_entropy(*loss_rows(head, states, label, weight))
    scaled = jax.lax.stop_gradient(scale * weight)
    mean = scaled.sum() / jnp.maximum(weight.sum(), 1)
    return mean * catalogue.cross_entropy(*loss_rows(head, states, label, scaled))


def loss_rows(head: Head, states: Array, label: Array, weight: Array) -> tuple[Array, ...]:
    """Flattens to the arguments of the losses in `losses.catalogue`: (states [R, D], table, bias, label [R], weight
    [R])."""
    weight = weight.reshape(-1).astype(jnp.float32)
    return states.reshape(-1, states.shape[-1]), head["table"], head["bias"], label.reshape(-1), weight

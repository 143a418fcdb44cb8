"""The positions of a row whose next item the loss is about: all of them in one pass, or one drawn at each step.

Throughout this file `positions` is int32 [B, 1], one position per row, or None, which stands for all positions.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item.supervised import SoftmaxModel
from jaxrec.base.contracts import Array, Params
from jaxrec.base.records import Sequences
from jaxrec.models.history import at_positions


def draw(config: ConfigDict, mask: Array, key: Array) -> Array | None:
    """Draws a real position of each row uniformly where `config.targets` is 'one'; None where it is 'all'.

    Args:
      mask: bool [B, T - 1], True where a position has a next item.
    """
    if config.targets == "all":
        return None
    drawn = jnp.where(mask, jax.random.uniform(key, mask.shape), -1.0)
    return jnp.argmax(drawn, 1, keepdims=True)


def states(
    model: SoftmaxModel, params: Params, batch: Sequences, positions: Array | None, key: Array | None = None
) -> Array:
    """Encodes rows [B, T] without their last item: [B, P, D] after the positions, [B, T - 1, D] after all of them.

    The key is that of the encoder's dropout; None drops nothing.
    """
    inputs = (x[:, :-1] for x in (batch.item, batch.feedback, batch.mask))
    if positions is None:
        return model.states(params, *inputs, key=key)
    return model.states_at(params, *inputs, positions, key=key)


def select(values: Array, positions: Array | None) -> Array:
    """Returns the values [B, T - 1, ...] at the positions, [B, 1, ...], or all of them."""
    return values if positions is None else at_positions(values, positions)

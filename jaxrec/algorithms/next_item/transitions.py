"""Logged sequences as transitions of Q-learning: state, next item as action, reward, and what follows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.records import Sequences

REWARDS = {"feedback": None, "click": 0.2, "one": 1.0}  # of every item alike; None: what the log says


@struct.dataclass
class ItemTransitions:
    """One transition per position of a row but its last: [B, T - 1], or any other shape.

    Attributes:
      previous: int32, the last item of the state. action: int32, the item after it.
      reward: float32, of the action.
      real: bool, False on padding.
      ended: bool, the session ended with the action.
      known: bool, real, and what follows the action is known: the state after it lies in the row, or nothing follows.
      items_left: int32, items of the session after the state, the action included.
    """

    previous: Array
    action: Array
    reward: Array
    real: Array
    ended: Array
    known: Array
    items_left: Array


def from_sequences(batch: Sequences, reward: str = "feedback") -> ItemTransitions:
    """Returns the transitions [B, T - 1] of rows [B, T].

    A long session is cut into several rows. The state after the last item of such a row lies in no row, so the last
    transition is not `known`: its target is left out of the loss instead of being taken for the session's end.

    Args:
      reward: 'feedback', the log's own (loaders write SQN's 0.2 for a click and 1 for a purchase); or the same for
        every item, 0.2 for 'click' and 1 for 'one'.
    """
    real = batch.mask[:, 1:]
    count = batch.mask.sum(1, keepdims=True, dtype=jnp.int32)
    left_after_row = 0 if batch.left is None else batch.left[:, None]
    items_left = jnp.maximum(count - 1 - jnp.arange(real.shape[1])[None], 0)
    last_of_row = items_left == 1
    items_left = jnp.where(real, items_left + left_after_row, 0)
    ended = items_left == 1
    feedback = batch.feedback[:, 1:]
    return ItemTransitions(
        previous=batch.item[:, :-1],
        action=batch.item[:, 1:],
        reward=feedback if reward == "feedback" else jnp.full_like(feedback, REWARDS[reward]),
        real=real,
        ended=ended,
        known=real & (ended | ~last_of_row),
        items_left=items_left,
    )


def flatten(transitions: ItemTransitions) -> ItemTransitions:
    """Joins the transitions of all rows: [B, P] -> [R]."""
    return jax.tree.map(lambda x: x.reshape(-1), transitions)

"""Sequences as transitions: after each item of a row a state, the next item as action, and what came of it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Sequences

REWARDS = {"feedback": None, "click": 0.2, "one": 1.0}  # of every item where it is not the log's


@struct.dataclass
class Transitions:
    """One per place of a row but its last, [B, T - 1] or any other shape.

    Attributes:
      previous: int32, the item that the state ends with. action: int32, the item after it.
      reward: float32, of the action.
      real: bool, there is an action.
      ended: bool, the session ended with it.
      known: bool, real, and what follows is known: the row holds the state after the action, or nothing follows.
      items_left: int32, items of the session after the state, the action included.
    """

    previous: Array
    action: Array
    reward: Array
    real: Array
    ended: Array
    known: Array
    items_left: Array


def check(config: ConfigDict) -> None:
    """Raises JaxrecError where `reward` or `discount` cannot be."""
    if config.reward not in REWARDS:
        raise JaxrecError(f"algorithm.reward {config.reward!r} is unknown; choose one of {', '.join(REWARDS)}")
    ranges.check("algorithm.", config, {"discount": ranges.BELOW_ONE})


def of(batch: Sequences, reward: str = "feedback") -> Transitions:
    """The transitions [B, T - 1] of rows.

    A long session is cut into rows. The state after a row's last item lies in no row, so the step to it is not `known`:
    its target is left out rather than taken for the session's end.

    Args:
      reward: 'feedback', the log's own (loaders write SQN's 0.2 for a click, 1 for a purchase), or of every item
        alike 'click', 0.2, or 'one'.
    """
    real = batch.mask[:, 1:]
    count = batch.mask.sum(1, keepdims=True, dtype=jnp.int32)
    left = 0 if batch.left is None else batch.left[:, None]
    items_left = jnp.maximum(count - 1 - jnp.arange(real.shape[1])[None], 0)
    last = items_left == 1
    items_left = jnp.where(real, items_left + left, 0)
    ended = items_left == 1
    feedback = batch.feedback[:, 1:]
    return Transitions(
        previous=batch.item[:, :-1],
        action=batch.item[:, 1:],
        reward=feedback if reward == "feedback" else jnp.full_like(feedback, REWARDS[reward]),
        real=real,
        ended=ended,
        known=real & (ended | ~last),
        items_left=items_left,
    )


def flat(transitions: Transitions) -> Transitions:
    """[R]: all places of all rows."""
    return jax.tree.map(lambda x: x.reshape(-1), transitions)

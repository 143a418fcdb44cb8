"""The rolling window of (item, feedback) pairs that a policy knows of each user while it acts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation


@struct.dataclass
class History:
    """The last W (item, feedback) pairs of each user, newest last, padded on the left.

    Attributes:
      item: int32 [B, W]. feedback: float32 [B, W]. length: int32 [B], how many of the W pairs are real.
    """

    item: Array
    feedback: Array
    length: Array


def check_window(option: str, window: int, max_turn: int) -> None:
    """Raises JaxrecError where the option's window is empty or longer than any episode."""
    if not 1 <= window <= max_turn:
        raise JaxrecError(
            f"{option} is {window} but no episode is longer than {max_turn} turns: set it between 1 and {max_turn}"
        )


def empty(num_users: int, window: int) -> History:
    """Returns a history without pairs for each of the users."""
    shape = (num_users, window)
    return History(jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.float32), jnp.zeros(num_users, jnp.int32))


def push(history: History, observation: Observation) -> History:
    """Appends each user's observed pair [B]; a user at turn 0 first forgets the pairs of the episode before."""
    window = history.item.shape[1]
    length = jnp.where(observation.turn == 0, 0, history.length)
    return History(
        roll(history.item, observation.item),
        roll(history.feedback, observation.feedback),
        jnp.minimum(length + 1, window),
    )


def mask(history: History) -> Array:
    """Returns the mask bool [B, W], True on real pairs."""
    return valid(history.length, history.item.shape[1])


def roll(values: Array, newest: Array) -> Array:
    """Drops the oldest of [B, W, ...] and appends `newest` [B, ...]."""
    return jnp.concatenate([values[:, 1:], newest[:, None].astype(values.dtype)], axis=1)


def valid(length: Array, window: int) -> Array:
    """Returns a mask bool [B, W], True at the last `length` positions of each row."""
    return jax.lax.broadcasted_iota(jnp.int32, (1, window), 1) >= window - length[:, None]


def earlier(values: Array, steps: int) -> Array:
    """Shifts values [..., W, D] so that each position holds what lay `steps` positions before it, zero where nothing
    did."""
    window = values.shape[-2]
    if steps == 0:
        return values
    kept = values[..., : max(window - steps, 0), :]
    return jnp.pad(kept, [(0, 0)] * (values.ndim - 2) + [(min(steps, window), 0), (0, 0)])


def at_positions(values: Array, positions: Array) -> Array:
    """Gathers values [..., W, ...] at positions int32 [..., P]: [..., P, ...]."""
    index = positions.reshape(*positions.shape, *[1] * (values.ndim - positions.ndim))
    return jnp.take_along_axis(values, index, axis=positions.ndim - 1)

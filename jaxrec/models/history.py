"""The rolling window of (item, feedback) pairs that stands for a user while a policy acts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation

EVERY = "every"  # all places of a window
Places = jax.Array | tuple[slice, ...] | str  # int32 [..., P], slices one after the other, or EVERY


@struct.dataclass
class History:
    """The last W pairs of each user, newest last, padded on the left.

    Attributes:
      item: int32 [B, W]. feedback: float32 [B, W]. length: int32 [B], how many of the W places are real.
    """

    item: Array
    feedback: Array
    length: Array


def check_window(option: str, window: int, max_turn: int) -> None:
    """Raises JaxrecError where the option asks for a window that no episode could fill, or for none."""
    if not 1 <= window <= max_turn:
        raise JaxrecError(
            f"{option} is {window} but no episode is longer than {max_turn} turns: set it between 1 and {max_turn}"
        )


def empty(num_users: int, window: int) -> History:
    """A history in which nothing has happened."""
    shape = (num_users, window)
    return History(jnp.zeros(shape, jnp.int32), jnp.zeros(shape, jnp.float32), jnp.zeros(num_users, jnp.int32))


def push(history: History, observation: Observation) -> History:
    """Appends the observed pair [B]; rows at turn 0 forget what came before."""
    window = history.item.shape[1]
    length = jnp.where(observation.turn == 0, 0, history.length)
    return History(
        roll(history.item, observation.item),
        roll(history.feedback, observation.feedback),
        jnp.minimum(length + 1, window),
    )


def mask(history: History) -> Array:
    """bool [B, W], True on real pairs."""
    return valid(history.length, history.item.shape[1])


def roll(values: Array, newest: Array) -> Array:
    """Drops the oldest of [B, W, ...] and appends `newest` [B, ...]."""
    return jnp.concatenate([values[:, 1:], newest[:, None].astype(values.dtype)], axis=1)


def valid(length: Array, window: int) -> Array:
    """bool [B, W]: the last `length` places of each row."""
    return jax.lax.broadcasted_iota(jnp.int32, (1, window), 1) >= window - length[:, None]


def earlier(values: Array, steps: int) -> Array:
    """[..., W, D] in which each place holds what lay `steps` places before it; zero where nothing did."""
    window = values.shape[-2]
    if steps == 0:
        return values
    kept = values[..., : max(window - steps, 0), :]
    return jnp.pad(kept, [(0, 0)] * (values.ndim - 2) + [(min(steps, window), 0), (0, 0)])


def take(values: Array, places: Places) -> Array:
    """[..., P, ...] of values [..., W, ...] at places int32 [..., P], or all of them at `EVERY`; of values [B, W, ...]
    also those of some slices, one after the other."""
    if isinstance(places, str):
        return values
    if isinstance(places, tuple):
        return jnp.concatenate([values[:, chosen] for chosen in places], axis=1)
    index = places.reshape(*places.shape, *[1] * (values.ndim - places.ndim))
    return jnp.take_along_axis(values, index, axis=places.ndim - 1)

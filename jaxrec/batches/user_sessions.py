"""Batches of consecutive sessions of one user, for models that read several sessions (T 5)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.records import NextItem, Sequences


@struct.dataclass
class Sessions:
    """C consecutive sessions of each of B users, both padded at the end.

    Attributes:
      item: int32 [B, C, T]. feedback: float32 [B, C, T]. mask: bool [B, C, T], True on real items.
      real: bool [B, C], True on real sessions.
    """

    item: Array
    feedback: Array
    mask: Array
    real: Array


def random_sessions(batch_size: int, num_sessions: int) -> Callable[[NextItem, Array], Sessions]:
    """Makes a view for `sources.logged` of up to `num_sessions` consecutive sessions of a user.

    One session of the log is drawn uniformly, and then a run of consecutive sessions of its user that contains it. Of a
    user who has at most `num_sessions`, all are taken, so that late sessions are learned from as often as early ones.

    Returns:
      `view(data, key) -> Sessions` [B, C, T].
    """

    def view(data: NextItem, key: Array) -> Sessions:
        key_row, key_behind = jax.random.split(key)
        row = jax.random.randint(key_row, (batch_size,), 0, data.train.item.shape[0])
        behind = jax.random.randint(key_behind, (batch_size,), 0, num_sessions)
        user = jnp.take(data.train.user, row)
        first, end = (jnp.searchsorted(data.train.user, user, side=side) for side in ("left", "right"))
        last = jnp.minimum(jnp.maximum(row + behind, first + num_sessions - 1), end - 1)
        return sessions_up_to(data.train, user, last, num_sessions)

    return view


def last_sessions(train: Sequences, user: Array, num_sessions: int) -> Sessions:
    """Gathers the last `num_sessions` sessions of each user.

    Args:
      train: sequences sorted by user and time, one per session.
      user: int32 [B].

    Returns:
      Sessions [B, C, T]; none are real of a user who has none.
    """
    last = jnp.searchsorted(train.user, user, side="right") - 1
    return sessions_up_to(train, user, last, num_sessions)


def sessions_up_to(train: Sequences, user: Array, last: Array, num_sessions: int) -> Sessions:
    """Gathers the sessions of each user that end with a given one, at most `num_sessions` of them.

    Args:
      train: sequences sorted by user and time, one per session.
      user: int32 [B]. last: int32 [B], the row of `train` that is each user's last session to take.

    Returns:
      Sessions [B, C, T].
    """
    first = jnp.maximum(jnp.searchsorted(train.user, user), last - num_sessions + 1)
    row = first[:, None] + jnp.arange(num_sessions)[None]
    real = row <= last[:, None]
    row = jnp.clip(row, 0, train.item.shape[0] - 1)
    item, feedback, mask = (jnp.take(x, row, axis=0) for x in (train.item, train.feedback, train.mask))
    return Sessions(item, feedback, mask & real[..., None], real)

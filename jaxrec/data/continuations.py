"""Held-out events that go on with what their users did before: leave-one-out, and logs that bring their own split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions, Sequences
from jaxrec.data.sequences import order_sessions, pad


def continuations(
    interactions: Interactions, *, split: int, known: Sequence[int], length: int
) -> tuple[Sequences, Sequences]:
    """Makes a sequence of each user's held-out events, which begins with the last event known before them.

    Every held-out event then has an item before it, from which, and from what came before, it is predicted. Of a user
    without known events the first held-out event is what the others are predicted from; where it is the only one, the
    user is left out.

    Args:
      split: of the held-out events. known: the splits that come before them.
      length: items that a model sees.

    Returns:
      (Sequences [N, T], one row per user; Sequences [N, length - 1], what came right before each of these rows).

    Raises:
      JaxrecError: nothing is held out.
    """
    ordered = [_of_users(interactions, splits) for splits in (known, [split])]
    (before, first, count), (held, held_first, held_count) = ordered
    has_known = np.minimum(count, 1)
    users = np.flatnonzero((held_count > 0) & (held_count + has_known > 1))
    if not len(users):
        raise JaxrecError(
            f"no user of {interactions.name} has an event that is held out after another; hold out other events, or "
            "filter less"
        )
    # What is known last, then what is held out, user after user.
    size = (has_known + held_count)[users]
    start = np.cumsum(size) - size
    place = np.arange(size.sum()) - np.repeat(start, size) - np.repeat(has_known[users], size)
    last = np.repeat((first + count - 1)[users], size)
    event = np.where(place < 0, _at(before, last), _at(held, np.repeat(held_first[users], size) + place))
    rows = pad(interactions, event, start, size, int(size.max())).replace(user=users.astype(np.int32))
    shown = np.minimum(np.maximum(count - 1, 0), max(length - 1, 1))[users]
    end = (first + count)[users] - 1
    earlier = pad(interactions, before if len(before) else held, end - shown, shown, max(length - 1, 1))
    return rows, earlier.replace(user=rows.user)


def _of_users(interactions: Interactions, splits: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orders the events of the splits by user and time.

    Returns:
      (order int64; of each user the first position in it and the number of events, int64 [N] each).
    """
    order, first, count = order_sessions(interactions, splits, None)
    firsts, counts = (np.zeros(interactions.num_users, np.int64) for _ in range(2))
    users = interactions.user[order[first]]
    firsts[users], counts[users] = first, count
    return order, firsts, counts


def _at(order: np.ndarray, position: np.ndarray) -> np.ndarray:
    """The events at positions, any where a position is none."""
    return order[np.clip(position, 0, len(order) - 1)] if len(order) else np.zeros(len(position), np.int64)

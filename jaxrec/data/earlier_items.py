"""What the user of each held-out session met before it: the last items in their order, and the distinct items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxrec.base.records import Interactions, Sequences
from jaxrec.data.files.identifiers import distinct
from jaxrec.data.sequences import order_sessions, pad


def last_items(
    interactions: Interactions, buckets: Sequence[Sequences], *, splits: Sequence[int], length: int
) -> tuple[Sequences, ...]:
    """The last `length` items that the user of each held-out session met in `splits`, whatever session they are of.

    Args:
      buckets: the held-out sessions.
      splits: the splits that come before them.

    Returns:
      One record per bucket, Sequences [N, length].
    """
    order, first, count = order_sessions(interactions, splits, None)
    counts, ends = (np.zeros(interactions.num_users, np.int64) for _ in range(2))
    users = interactions.user[order[first]]
    counts[users], ends[users] = count, first + count

    def of_users(user: np.ndarray) -> Sequences:
        count = np.minimum(counts[user], length)
        return pad(interactions, order, ends[user] - count, count, length).replace(user=user)

    return tuple(of_users(bucket.user) for bucket in buckets)


def distinct_items(
    interactions: Interactions, buckets: Sequence[Sequences], *, splits: Sequence[int]
) -> tuple[np.ndarray, ...]:
    """The distinct items that the user of each held-out session met in `splits`.

    Args:
      buckets: the held-out sessions.
      splits: the splits that come before them.

    Returns:
      One array per bucket, int32 [N, P], padded with -1.
    """
    held_out = np.zeros(interactions.num_users, bool)
    for bucket in buckets:
        held_out[bucket.user] = True
    events = np.isin(interactions.split, splits) & held_out[interactions.user]
    pair = interactions.user[events].astype(np.int64) * interactions.num_items + interactions.item[events]
    user, item = np.divmod(distinct(pair), interactions.num_items)
    counts = np.bincount(user, minlength=interactions.num_users)
    first = np.cumsum(counts) - counts

    def of_users(user: np.ndarray) -> np.ndarray:
        column = np.arange(max(int(counts[user].max(initial=0)), 1))[None]
        inside = column < counts[user][:, None]
        if len(item) == 0:
            return np.full(inside.shape, -1, np.int32)
        index = np.minimum(first[user][:, None] + column, len(item) - 1)
        return np.where(inside, item[index], -1).astype(np.int32)

    return tuple(of_users(bucket.user) for bucket in buckets)

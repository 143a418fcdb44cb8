"""Filters of `Interactions`, all vectorised. Users and items without rows leave the catalogue with their features."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions


def k_core(interactions: Interactions, *, user: int = 5, item: int = 5) -> Interactions:
    """Keeps the largest part in which every user has at least `user` events and every item at least `item`.

    Events are counted over all splits, repeated pairs as often as they come.

    Raises:
      JaxrecError: nothing is left.
    """
    rows = np.arange(len(interactions))
    while True:
        kept = _frequent(interactions, rows, user, item)
        if len(kept) == len(rows):
            return reindex(_keep(interactions, kept, f"a {user}/{item}-core"))
        rows = kept


def min_counts(interactions: Interactions, *, user: int = 1, item: int = 1) -> Interactions:
    """Keeps, in one pass, the events whose user has at least `user` events and whose item at least `item`.

    Afterwards some may have fewer; `k_core` repeats the pass until none has. Raises: JaxrecError where nothing is left.
    """
    kept = _frequent(interactions, np.arange(len(interactions)), user, item)
    return reindex(_keep(interactions, kept, f"a filter at {user} rows per user and {item} per item"))


def with_split(interactions: Interactions, split: int) -> Interactions:
    """Keeps the users and items that have events in this split, with all events, of any split, among them.

    The fully observed part of KuaiRec, the 5,400 test users of Yahoo! R3. Raises: JaxrecError where there are none.
    """
    user, item = users_and_items_of(interactions, split)
    kept = np.flatnonzero(user[interactions.user] & item[interactions.item])
    return reindex(_keep(interactions, kept, f"a choice of split {split}"))


def users_and_items_of(interactions: Interactions, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns which users and which items have events in a split, (bool [N], bool [A]).

    Raises:
      JaxrecError: there is no event in the split.
    """
    inside = _keep(interactions, np.flatnonzero(interactions.split == split), f"a choice of split {split}")
    user = np.bincount(inside.user, minlength=interactions.num_users) > 0
    return user, np.bincount(inside.item, minlength=interactions.num_items) > 0


def with_items(interactions: Interactions, items: np.ndarray) -> Interactions:
    """Keeps some items of the catalogue and the events on them, and all users.

    Args:
      items: bool [A], True for the items that stay; they are renumbered in the same order.
    """
    rows = interactions.where(items[interactions.item])
    return dataclasses.replace(
        rows,
        item=(np.cumsum(items, dtype=np.int32) - 1)[rows.item],
        item_ids=interactions.item_ids[items],
        item_features={name: values[items] for name, values in interactions.item_features.items()},
    )


def reindex(interactions: Interactions) -> Interactions:
    """Drops users and items without events, and renumbers the others without gaps in the same order."""
    user, user_kept = _dense(interactions.user, interactions.num_users)
    item, item_kept = _dense(interactions.item, interactions.num_items)
    return dataclasses.replace(
        interactions,
        user=user,
        item=item,
        user_ids=interactions.user_ids[user_kept],
        item_ids=interactions.item_ids[item_kept],
        user_features={k: v[user_kept] for k, v in interactions.user_features.items()},
        item_features={k: v[item_kept] for k, v in interactions.item_features.items()},
    )


def _dense(values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Renumbers values: (int32 [E], counted over the values that occur; the sorted values that do)."""
    occurs = np.zeros(size, bool)
    occurs[values] = True
    return (np.cumsum(occurs, dtype=np.int32) - 1)[values].astype(np.int32), np.flatnonzero(occurs)


def _frequent(interactions: Interactions, rows: np.ndarray, user: int, item: int) -> np.ndarray:
    """Those of the given rows whose user and item have enough of these rows."""
    users, items = interactions.user[rows], interactions.item[rows]
    enough = (np.bincount(users, minlength=interactions.num_users) >= user)[users]
    return rows[enough & (np.bincount(items, minlength=interactions.num_items) >= item)[items]]


def _keep(interactions: Interactions, rows: np.ndarray, what: str) -> Interactions:
    if len(rows) == 0:
        raise JaxrecError(f"{what} leaves none of the {len(interactions)} rows of {interactions.name}; ask for less")
    return interactions.where(rows)

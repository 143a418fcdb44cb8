"""How popular items are, counted in one place for all that asks: the policy `popular`, novelty, the long tail."""

from __future__ import annotations

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions

COUNTED = ("events", "users")


def check(option: str, counted: str) -> None:
    """Raises JaxrecError where the option is none of `COUNTED`."""
    if counted not in COUNTED:
        raise JaxrecError(f"{option} is {counted!r}: set it to {' or '.join(map(repr, COUNTED))}")


def item_popularity(interactions: Interactions, counted: str = "events") -> np.ndarray:
    """Counts each item's events, or the different users among them.

    By events, one user's 2,000 events with an item make it popular; by users they count once.

    Args:
      interactions: the events to count. counted: 'events' or 'users'.

    Returns:
      int64 [A].

    Raises:
      JaxrecError: `counted` is neither.
    """
    check("popularity", counted)
    item = interactions.item
    if counted == "users":
        pair = interactions.user.astype(np.int64) * interactions.num_items + item
        item = np.unique(pair) % interactions.num_items
    return np.bincount(item, minlength=interactions.num_items)

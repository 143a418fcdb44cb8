"""`Interactions` -> `NextItem`: sequences to learn the next item from, and held-out sessions to be measured on."""

from __future__ import annotations

import numpy as np

from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions, NextItem
from jaxrec.data import earlier_items
from jaxrec.data.length_buckets import split_by_length
from jaxrec.data.popularity import item_popularity
from jaxrec.data.sequences import from_sessions


def next_item(
    interactions: Interactions,
    *,
    length: int,
    test: int,
    session: np.ndarray | None = None,
    joined: bool = False,
    long: str = "cut",
    popularity: str = "events",
) -> NextItem:
    """Makes what next-item models learn from out of the TRAIN events, and what they are measured on out of `test`'s.

    Args:
      length: T of the sequences to learn from.
      test: the split to be measured on, TEST or VALIDATION; its sessions stay whole.
      session: int [E], the session of each event (`sessions.session_numbers`); None takes each user as one session.
      joined: whether a user's sessions are learned from as one (T 5.4.2, Normal). Those to be measured on stay apart,
        each with what came before it (T 5.4.1: inputs are historical sessions and the current one).
      long: what becomes of sessions longer than T (see `sequences.from_sessions`).
      popularity: what is counted of an item among the training events, 'events' or 'users'.

    Raises:
      JaxrecError: a length that holds no prediction, or no session that is long enough.
    """
    known = (TRAIN, VALIDATION) if test == TEST else (TRAIN,)
    options = {"length": length, "long": long, "session": None if joined else session}
    # Made first, for it refuses lengths below 2: those from 0 down `_doubled` would double for ever.
    train = from_sessions(interactions, split=TRAIN, **options)
    held_out = from_sessions(interactions, split=test, session=session)
    buckets = tuple(split_by_length(held_out, _doubled(length, held_out.item.shape[1])))
    learned = interactions.where(interactions.split == TRAIN)
    validated = np.isin(held_out.user, interactions.user[interactions.split == VALIDATION]).any()
    keeps_history = validated and test == TEST and not joined
    return NextItem(
        train=train,
        test=buckets,
        past=earlier_items.distinct_items(interactions, buckets, splits=known),
        popularity=item_popularity(learned, popularity).astype(np.int32),
        before=earlier_items.last_items(interactions, buckets, splits=known, length=length) if joined else (),
        history=from_sessions(interactions, split=known, **options) if keeps_history else None,
    )


def _doubled(length: int, longest: int) -> list[int]:
    """Bucket lengths: `length`, then twice as long each time, up to the longest."""
    bounds = [length]
    while bounds[-1] < longest:
        bounds.append(min(2 * bounds[-1], longest))
    return bounds

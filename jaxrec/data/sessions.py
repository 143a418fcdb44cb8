"""Sessions of users and the filters that published work puts on them, all vectorised (T 4.5.1, 5.4.1)."""

from __future__ import annotations

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data import filters


def chronological(interactions: Interactions) -> np.ndarray:
    """The order of the rows, int64 [E], by user, then time, then as in the file."""
    user, time = interactions.user, interactions.time
    step = np.diff(user)
    if not ((step < 0) | ((step == 0) & (np.diff(time) < 0))).any():
        return np.arange(len(user))
    return np.lexsort((time, user))


def session_numbers(interactions: Interactions, gap: int | None = 3600) -> np.ndarray:
    """The session of each row, int64 [E], counted from 0 over users, then time.

    A session ends with its user, or where more than `gap` seconds pass to the next row; None leaves users whole.
    """
    order = chronological(interactions)
    starts = np.diff(interactions.user[order], prepend=-1) != 0
    if gap is not None:
        starts |= np.diff(interactions.time[order], prepend=0) > gap
    session = np.empty(len(order), np.int64)
    session[order] = np.cumsum(starts) - 1
    return session


def counts(interactions: Interactions, session: np.ndarray) -> dict[str, int]:
    """Users, sessions, items and events with rows, as papers' tables of data have them."""
    present = {"users": interactions.user, "sessions": session, "items": interactions.item}
    found = {name: int(np.count_nonzero(np.bincount(values))) for name, values in present.items()}
    return found | {"events": len(interactions)}


def without_repeats(interactions: Interactions) -> Interactions:
    """Of rows of one user that follow each other with the same item, the first only; ordered by user and time."""
    order = chronological(interactions)
    user, item = interactions.user[order], interactions.item[order]
    repeats = (np.diff(user, prepend=-1) == 0) & (np.diff(item, prepend=-1) == 0)
    return interactions.where(order[~repeats])


def sample_users(interactions: Interactions, size: int, *, seed: int = 0) -> np.ndarray:
    """Which rows are of `size` users (or sessions, where each is a user) drawn at random without replacement: bool [E].

    Raises:
      JaxrecError: there are not as many.
    """
    users = np.unique(interactions.user)
    if not 1 <= size <= len(users):
        raise JaxrecError(f"{interactions.name} has {len(users)} users with rows; {size} cannot be drawn among them")
    drawn = np.zeros(interactions.num_users, bool)
    drawn[np.random.default_rng(seed).choice(users, size, replace=False)] = True
    return drawn[interactions.user]


def keep_frequent(
    interactions: Interactions, *, gap: int | None = 3600, item: int = 3, length: int = 3, sessions: int = 5
) -> tuple[Interactions, np.ndarray]:
    """Items with `item` rows, then sessions with `length` rows, then users with `sessions` sessions: one pass each;
    and of each row left its session, int64 [E], in the order of `session_numbers`.

    Sessions are cut once, before (our reading: a gap that a dropped item leaves does not split a session), so they are
    not to be numbered anew: sessions that were long enough would fall apart.

    Raises:
      JaxrecError: nothing is left.
    """
    user, items, session = interactions.user, interactions.item, session_numbers(interactions, gap)
    kept = (np.bincount(items) >= item)[items]
    kept &= (np.bincount(session[kept], minlength=session.max() + 1) >= length)[session]
    owner = np.full(session.max() + 1, -1, np.int64)  # of sessions with rows
    owner[session[kept]] = user[kept]
    counts = np.bincount(owner[owner >= 0], minlength=interactions.num_users)
    kept &= (counts >= sessions)[user]
    if not kept.any():
        raise JaxrecError(
            f"items with {item} rows, sessions of {length} and users with {sessions} sessions leave nothing of "
            f"{interactions.name}; ask for less"
        )
    return filters.reindex(interactions.where(kept)), session[kept]

"""Sessions of users, and the filters that published work puts on them (T 4.5.1, 5.4.1)."""

from __future__ import annotations

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data import filters


def chronological(interactions: Interactions) -> np.ndarray:
    """Orders events by user, then time, then as in the file: int64 [E], indices of events."""
    user, time = interactions.user, interactions.time
    step = np.diff(user)
    if not ((step < 0) | ((step == 0) & (np.diff(time) < 0))).any():
        return np.arange(len(user))
    return np.lexsort((time, user))


def session_numbers(interactions: Interactions, gap: int | None = 3600) -> np.ndarray:
    """Numbers the session of each event, counted from 0 over users, then time.

    Args:
      gap: seconds; a session ends where more time passes to the user's next event. None makes each user one session.

    Returns:
      int64 [E].
    """
    order = chronological(interactions)
    starts = np.diff(interactions.user[order], prepend=-1) != 0
    if gap is not None:
        starts |= np.diff(interactions.time[order], prepend=0) > gap
    session = np.empty(len(order), np.int64)
    session[order] = np.cumsum(starts) - 1
    return session


def counts(interactions: Interactions, session: np.ndarray) -> dict[str, int]:
    """Counts users, sessions, items and events, as papers' tables of data have them; what has no event does not count.

    Args:
      session: int [E], the session of each event.
    """
    present = {"users": interactions.user, "sessions": session, "items": interactions.item}
    occurring = {name: int(np.count_nonzero(np.bincount(values))) for name, values in present.items()}
    return occurring | {"events": len(interactions)}


def without_repeats(interactions: Interactions) -> Interactions:
    """Keeps the first of a user's consecutive events with the same item; the result is ordered by user and time."""
    order = chronological(interactions)
    user, item = interactions.user[order], interactions.item[order]
    repeats = (np.diff(user, prepend=-1) == 0) & (np.diff(item, prepend=-1) == 0)
    return interactions.where(order[~repeats])


def sample_users(interactions: Interactions, size: int, *, seed: int = 0) -> np.ndarray:
    """Draws users (or sessions, where each session is a user) at random without replacement.

    Args:
      size: how many users. seed: the same seed draws the same users.

    Returns:
      bool [E], True on the events of the users drawn.

    Raises:
      JaxrecError: fewer users have events.
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
    """Drops rare items, then short sessions, then users with few sessions, in one pass each (T 4.5.1).

    Sessions are cut once, before items are dropped (our reading: the gap that a dropped item leaves does not split a
    session). They must not be numbered anew afterwards: sessions that were long enough would fall apart.

    Args:
      gap: seconds between two sessions (see `session_numbers`).
      item: least number of events of an item. length: least number of events of a session, of the items left.
      sessions: least number of sessions of a user, of the sessions left.

    Returns:
      (the events left, users and items renumbered; int64 [E], the session of each event left).

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

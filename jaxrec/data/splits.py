"""Train, validation and test by chance, by time or by each user's last events, for datasets that come unsplit.

Only TRAIN events are divided: events that came as VALIDATION or TEST stay so. Fractions are of the TRAIN events,
rounded to whole events; each function returns the same events in the same order with another `split` column.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions


def random(interactions: Interactions, *, test: float = 0.2, validation: float = 0.0, seed: int = 0) -> Interactions:
    """Draws the held-out events at random without replacement; the same seed draws the same events.

    Args:
      test, validation: fractions, together below 1.

    Raises:
      JaxrecError: fractions out of range, or too few events to leave one to train on.
    """
    rows = np.flatnonzero(interactions.split == TRAIN)
    return _cut(interactions, np.random.default_rng(seed).permutation(rows), test, validation)


def by_time(interactions: Interactions, *, test: float = 0.2, validation: float = 0.0) -> Interactions:
    """Makes the latest events of all TEST and those before them VALIDATION; events of one second in the file's order.

    Raises:
      JaxrecError: fractions out of range, or a dataset without times.
    """
    _need_times(interactions)
    rows = np.flatnonzero(interactions.split == TRAIN)
    return _cut(interactions, rows[np.argsort(interactions.time[rows], kind="stable")], test, validation)


def leave_last(interactions: Interactions, *, test: int = 1, validation: int = 0) -> Interactions:
    """Makes each user's `test` latest events TEST and the `validation` events before them VALIDATION.

    Users without at least one event more than that stay TRAIN altogether. Events of one second, and all events of a
    dataset without times, are taken in the order of the file.

    Raises:
      JaxrecError: negative numbers, or no user has enough rows.
    """
    if test < 0 or validation < 0:
        raise JaxrecError(f"leave_last takes whole numbers from 0 upward; found test={test}, validation={validation}")
    rows = np.flatnonzero(interactions.split == TRAIN)
    order = rows[np.lexsort((interactions.time[rows], interactions.user[rows]))]  # stable
    user = interactions.user[order]
    count = np.bincount(user, minlength=interactions.num_users)
    from_last = np.cumsum(count)[user] - np.arange(len(user))  # 1 for a user's last row
    split = np.where(from_last <= test, TEST, np.where(from_last <= test + validation, VALIDATION, TRAIN))
    split = np.where(count[user] > test + validation, split, TRAIN)
    if test + validation and not (split != TRAIN).any():
        raise JaxrecError(f"no user of {interactions.name} has more than {test + validation} rows; leave fewer out")
    return _assign(interactions, order, split)


def by_user(interactions: Interactions, *, test: float = 0.1, validation: float = 0.1, seed: int = 0) -> Interactions:
    """Draws users (or sessions, where each session is a user) at random and holds out all their TRAIN events.

    Args:
      test, validation: fractions of the users, together below 1.

    Raises:
      JaxrecError: the fractions leave no user to train on.
    """
    rows = np.flatnonzero(interactions.split == TRAIN)
    users = np.unique(interactions.user[rows])
    order = np.random.default_rng(seed).permutation(users)
    drawn = np.full(interactions.num_users, TRAIN)
    drawn[order] = _parts(interactions, len(order), test, validation, "users")
    return _assign(interactions, rows, drawn[interactions.user[rows]])


def last_session(interactions: Interactions, session: np.ndarray, *, validation: bool = False) -> Interactions:
    """Makes the TRAIN events of each user's last session TEST.

    Args:
      session: int [E], `sessions.session_numbers(interactions)`.
      validation: whether the events of the session before become VALIDATION.

    Users with too few sessions to leave one stay TRAIN altogether. Raises: JaxrecError where that holds for all.
    """
    rows = np.flatnonzero(interactions.split == TRAIN)
    numbers, index = np.unique(session[rows], return_inverse=True)
    owner = np.zeros(len(numbers), np.int64)
    owner[index] = interactions.user[rows]
    count = np.bincount(owner, minlength=interactions.num_users)
    from_last = (np.cumsum(count)[owner] - np.arange(len(numbers)))[index]  # 1 in a user's last session
    held = 1 + validation
    split = np.where(from_last == 1, TEST, np.where(from_last <= held, VALIDATION, TRAIN))
    split = np.where(count[interactions.user[rows]] > held, split, TRAIN)
    if not (split != TRAIN).any():
        raise JaxrecError(f"no user of {interactions.name} has more than {held} sessions; split by user instead")
    return _assign(interactions, rows, split)


def _cut(interactions: Interactions, order: np.ndarray, test: float, validation: float) -> Interactions:
    """Makes the last of the events in this order TEST, those before them VALIDATION."""
    return _assign(interactions, order, _parts(interactions, len(order), test, validation, "training rows"))


def _parts(interactions: Interactions, size: int, test: float, validation: float, what: str) -> np.ndarray:
    """The splits of `size` events or users in order, int [size]: first TRAIN, then VALIDATION, TEST at the end."""
    if not (0 <= test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise JaxrecError(
            f"fractions from 0 to below 1 in all are expected; found test={test}, validation={validation}"
        )
    num_test, num_validation = round(test * size), round(validation * size)
    if num_test + num_validation >= size:
        raise JaxrecError(f"{interactions.name} has {size} {what}, too few to leave one; ask for less")
    return np.repeat([TRAIN, VALIDATION, TEST], [size - num_test - num_validation, num_validation, num_test])


def _assign(interactions: Interactions, rows: np.ndarray, split: np.ndarray) -> Interactions:
    column = interactions.split.copy()
    column[rows] = split
    return dataclasses.replace(interactions, split=column)


def _need_times(interactions: Interactions) -> None:
    if not interactions.time.any():
        raise JaxrecError(f"{interactions.name} has no times to split by; split at random, or leave_last by file order")

"""Sessions of a log as `Sequences`: ragged sessions become padded sequences, vectorised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions, Sequences
from jaxrec.data import sessions

_SPLITS = {TRAIN: "training", VALIDATION: "validation", TEST: "test"}


def from_sessions(
    interactions: Interactions,
    *,
    length: int | None = None,
    long: str = "recent",
    split: int | Sequence[int] | None = None,
    session: np.ndarray | None = None,
    min_length: int = 2,
) -> Sequences:
    """Makes one sequence of each session, ordered by user and time; several where long sessions are cut.

    Args:
      length: T; None takes the length of the longest session.
      long: of sessions longer than T, 'recent' keeps the last T items (T 5.4.2); 'cut' makes several sequences that
        overlap in one item, so that every item but the first is once predicted, from what its sequence holds.
      split: the split, or the splits, whose events are taken; None takes all.
      session: int [E], the session of each event (`sessions.session_numbers`); None takes each user as one session.
      min_length: shorter sessions are left out; in a session of one item there is nothing to predict.

    Returns:
      A record of NumPy arrays; `jax.device_put` it once.

    Raises:
      JaxrecError: a length that holds no prediction, or no session that is long enough.
    """
    if length is not None and length < 2:
        raise JaxrecError(f"sequences of length {length} hold nothing to predict; ask for at least 2")
    order, first, count = order_sessions(interactions, split, session)
    kept = count >= max(min_length, 1)
    if not kept.any():
        where = "" if split is None else f" of {' or '.join(_SPLITS[n] for n in np.atleast_1d(split))}"
        raise JaxrecError(
            f"no session{where} of {interactions.name} has {min_length} rows; change what is held out, or filter less"
        )
    first, count = first[kept], count[kept]
    width = int(count.max()) if length is None else length
    end = first + count
    if long == "cut":
        first, count, end = _cut_sessions(first, count, end, width)
    else:
        first, count = np.maximum(end - width, first), np.minimum(count, width)
    sequences = pad(interactions, order, first, count, width)
    return sequences.replace(user=interactions.user[order[first]], left=(end - first - count).astype(np.int32))


def order_sessions(
    interactions: Interactions, split: int | Sequence[int] | None, session: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orders the events of the given splits by user, session and time.

    Returns:
      (order int64, the chosen events in that order; first int64 [C], where in `order` each session begins; count int64
      [C], the events of each session).
    """
    order = sessions.chronological(interactions)
    if split is not None:
        order = order[np.isin(interactions.split[order], split)]
    number = (interactions.user if session is None else session)[order]
    if (np.diff(number) < 0).any():  # sessions of a user that overlap in time
        again = np.lexsort((number, interactions.user[order]))
        order, number = order[again], number[again]
    first = np.flatnonzero(np.diff(number, prepend=-1) != 0)
    return order, first, np.diff(first, append=len(order))


def pad(interactions: Interactions, order: np.ndarray, first: np.ndarray, count: np.ndarray, width: int) -> Sequences:
    """Gathers, for each n, the `count[n]` events from position `first[n]` of `order` on, padded to the width.

    Returns:
      Sequences [N, width] whose field `user` is None: the caller knows the users.
    """
    mask = np.arange(width)[None] < count[:, None]
    event = order[np.minimum(first[:, None] + np.arange(width)[None], len(order) - 1)]
    item = np.where(mask, interactions.item[event], 0)
    return Sequences(item, np.where(mask, interactions.feedback[event], np.float32(0)), mask, user=None)


def _cut_sessions(
    first: np.ndarray, count: np.ndarray, end: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts sessions into pieces of at most `width` events, each of which begins with the last event of the one before.

    Returns:
      (first position of each piece, its number of events, the end of its session), each int64 [pieces].
    """
    pieces = np.maximum(-(-(count - 1) // (width - 1)), 1)
    piece = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    skipped = piece * (width - 1)
    kept = np.minimum(np.repeat(count, pieces) - skipped, width)
    return np.repeat(first, pieces) + skipped, kept, np.repeat(end, pieces)

"""`Interactions` -> `Sequences`: ragged logs as padded records, one row per session, vectorised."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions, Sequences
from jaxrec.data import sessions
from jaxrec.data.files.assemble import distinct

_SPLITS = {TRAIN: "training", VALIDATION: "validation", TEST: "test"}


@struct.dataclass
class NextItem:
    """What next-item models learn from and are measured on.

    Attributes:
      train: rows of one length T, long sessions cut. test: whole sessions in buckets of similar length.
      past: one per bucket, int32 [N, P], what each test row's user met in sessions before it, padded with -1.
      popularity: int32 [A], rows of the item in train.
      before: one per bucket, rows of T of the last items that each test row's user met before it; none where sessions
        are learned from one by one.
      history: train and the validation sessions, where those measured on come after both; None: train.
    """

    train: Sequences
    test: tuple[Sequences, ...]
    past: tuple[Array, ...]
    popularity: Array
    before: tuple[Sequences, ...] = ()
    history: Sequences | None = None


def next_item(
    interactions: Interactions,
    *,
    length: int,
    test: int,
    session: np.ndarray | None = None,
    joined: bool = False,
    long: str = "cut",
) -> NextItem:
    """TRAIN rows to learn from, in rows of `length`, of longer sessions what `build` says of `long`; and those of the
    split `test` to be measured on. Where the sessions to learn from are `joined`, a user's to one (T 5.4.2, Normal),
    those to be measured on stay apart, but with what comes before them (T 5.4.1: inputs are historical sessions and
    the current one)."""
    known = (TRAIN, VALIDATION) if test == TEST else (TRAIN,)
    options = {"length": length, "long": long, "session": None if joined else session}
    # Built first, for it refuses lengths below 2: those from 0 down the loop would double for ever.
    train = build(interactions, split=TRAIN, **options)
    held = build(interactions, split=test, session=session)
    bounds = [length]
    while bounds[-1] < held.item.shape[1]:
        bounds.append(min(2 * bounds[-1], held.item.shape[1]))
    buckets = tuple(bucketed(held, bounds))
    seen = interactions.item[interactions.split == TRAIN]
    validated = np.isin(held.user, interactions.user[interactions.split == VALIDATION]).any()
    return NextItem(
        train=train,
        test=buckets,
        past=past(interactions, buckets, splits=known),
        popularity=np.bincount(seen, minlength=interactions.num_items).astype(np.int32),
        before=before(interactions, buckets, splits=known, length=length) if joined else (),
        history=build(interactions, split=known, **options) if validated and test == TEST and not joined else None,
    )


def tail(popularity: np.ndarray, head: float = 0.1) -> np.ndarray:
    """bool [A]: the items outside the `head` most frequent share of the catalogue (T 4: the top tenth is popular)."""
    order = np.argsort(-popularity, kind="stable")
    outside = np.zeros(len(order), bool)
    outside[order[round(head * len(order)) :]] = True
    return outside


def batches(batch_size: int) -> Callable[[NextItem, Array], Sequences]:
    """A view of rows drawn uniformly: `view(data, key) -> Sequences` [B, T]."""

    def view(data: NextItem, key: Array) -> Sequences:
        row = jax.random.randint(key, (batch_size,), 0, data.train.item.shape[0])
        return jax.tree.map(lambda x: jnp.take(x, row, axis=0), data.train)

    return view


@struct.dataclass
class Sessions:
    """Consecutive sessions of each user, padded at the end: item int32 and feedback float32 [B, C, T], mask bool
    [B, C, T] of the items and real bool [B, C] of the sessions."""

    item: Array
    feedback: Array
    mask: Array
    real: Array


def user_batches(batch_size: int, num_sessions: int) -> Callable[[NextItem, Array], Sessions]:
    """A view of up to `num_sessions` consecutive sessions of a user that hold one drawn uniformly; of a user who has no
    more, all of them, so that later sessions are learned from as often as the first."""

    def view(data: NextItem, key: Array) -> Sessions:
        key_row, key_behind = jax.random.split(key)
        row = jax.random.randint(key_row, (batch_size,), 0, data.train.item.shape[0])
        behind = jax.random.randint(key_behind, (batch_size,), 0, num_sessions)
        user = jnp.take(data.train.user, row)
        first, end = (jnp.searchsorted(data.train.user, user, side=side) for side in ("left", "right"))
        last = jnp.minimum(jnp.maximum(row + behind, first + num_sessions - 1), end - 1)
        return sessions_up_to(data.train, user, last, num_sessions)

    return view


def sessions_of(train: Sequences, user: Array, num_sessions: int) -> Sessions:
    """The last `num_sessions` rows of each of the users [B]; none are real of a user who has none."""
    last = jnp.searchsorted(train.user, user, side="right") - 1
    return sessions_up_to(train, user, last, num_sessions)


def sessions_up_to(train: Sequences, user: Array, last: Array, num_sessions: int) -> Sessions:
    """Of each user [B] the rows that end with row `last` [B] and are at most so many; the rows are sorted by user."""
    first = jnp.maximum(jnp.searchsorted(train.user, user), last - num_sessions + 1)
    row = first[:, None] + jnp.arange(num_sessions)[None]
    real = row <= last[:, None]
    row = jnp.clip(row, 0, train.item.shape[0] - 1)
    item, feedback, mask = (jnp.take(x, row, axis=0) for x in (train.item, train.feedback, train.mask))
    return Sessions(item, feedback, mask & real[..., None], real)


def build(
    interactions: Interactions,
    *,
    length: int | None = None,
    long: str = "recent",
    split: int | Sequence[int] | None = None,
    session: np.ndarray | None = None,
    min_length: int = 2,
) -> Sequences:
    """One row per session, in the order of users and time; several where long sessions are cut.

    Args:
      length: T; None is the longest session there is.
      long: of sessions longer than T, 'recent' keeps the last T items (T 5.4.2), 'cut' makes rows that overlap in one
        item, so that every item but the first is once predicted, from what its row holds.
      split: the rows of which split, or of which ones; None takes all.
      session: int [E], the session of each row (`sessions.number`); None: each user is one.
      min_length: shorter sessions are left out; with one item there is nothing to predict.

    Returns:
      A record of numpy arrays; `jax.device_put` it once.

    Raises:
      JaxrecError: a length that holds no prediction, or no session that is long enough.
    """
    if length is not None and length < 2:
        raise JaxrecError(f"sequences of length {length} hold nothing to predict; ask for at least 2")
    order, first, count = _ordered(interactions, split, session)
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
        first, count, end = _pieces(first, count, end, width)
    else:
        first, count = np.maximum(end - width, first), np.minimum(count, width)
    found = _rows(interactions, order, first, count, width)
    return found.replace(user=interactions.user[order[first]], left=(end - first - count).astype(np.int32))


def _rows(interactions: Interactions, order: np.ndarray, first: np.ndarray, count: np.ndarray, width: int) -> Sequences:
    """`count` rows of the log from each of the places `first` in `order`, padded to the width; of users yet unnamed."""
    mask = np.arange(width)[None] < count[:, None]
    source = order[np.minimum(first[:, None] + np.arange(width)[None], len(order) - 1)]
    item = np.where(mask, interactions.item[source], 0)
    return Sequences(item, np.where(mask, interactions.feedback[source], np.float32(0)), mask, user=None)


def _ordered(
    interactions: Interactions, split: int | Sequence[int] | None, session: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows by user, session and time, and of each session its first place in that order and its rows."""
    order = sessions.chronological(interactions)
    if split is not None:
        order = order[np.isin(interactions.split[order], split)]
    number = (interactions.user if session is None else session)[order]
    if (np.diff(number) < 0).any():  # sessions of a user that overlap in time
        again = np.lexsort((number, interactions.user[order]))
        order, number = order[again], number[again]
    first = np.flatnonzero(np.diff(number, prepend=-1) != 0)
    return order, first, np.diff(first, append=len(order))


def _pieces(
    first: np.ndarray, count: np.ndarray, end: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First places, rows and ends of session of the pieces of at most `width` rows, each of which begins where the one
    before ends."""
    pieces = np.maximum(-(-(count - 1) // (width - 1)), 1)
    piece = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    skipped = piece * (width - 1)
    kept = np.minimum(np.repeat(count, pieces) - skipped, width)
    return np.repeat(first, pieces) + skipped, kept, np.repeat(end, pieces)


def bucketed(sequences: Sequences, lengths: Sequence[int]) -> list[Sequences]:
    """The rows by length, each bucket cut to the shortest of `lengths` that holds its rows; empty ones left out.

    Raises:
      JaxrecError: a row longer than all of `lengths`.
    """
    bounds = np.unique(np.asarray(lengths, np.int64))
    size = np.asarray(sequences.mask).sum(1)
    if len(bounds) == 0 or size.max() > bounds[-1]:
        raise JaxrecError(f"sequences of up to {size.max()} items do not fit in buckets of {list(lengths)}; add one")
    bucket = np.searchsorted(bounds, size)
    return [_cut(sequences, np.flatnonzero(bucket == n), int(bounds[n])) for n in np.unique(bucket)]


def _cut(sequences: Sequences, rows: np.ndarray, width: int) -> Sequences:
    return jax.tree.map(lambda x: x[rows] if x.ndim == 1 else x[rows, :width], sequences)


def before(
    interactions: Interactions, buckets: Sequence[Sequences], *, splits: Sequence[int], length: int
) -> tuple[Sequences, ...]:
    """The last `length` items that the user of each row held out has in the rows of `splits`, of whichever sessions."""
    order, first, count = _ordered(interactions, splits, None)
    counts, ends = (np.zeros(interactions.num_users, np.int64) for _ in range(2))
    users = interactions.user[order[first]]
    counts[users], ends[users] = count, first + count

    def of(user: np.ndarray) -> Sequences:
        count = np.minimum(counts[user], length)
        return _rows(interactions, order, ends[user] - count, count, length).replace(user=user)

    return tuple(of(bucket.user) for bucket in buckets)


def after(before: Sequences, rows: Sequences) -> tuple[Sequences, Array]:
    """Rows [B, H + T], each of `rows` [B, T] behind what comes `before` it [B, H], and int32 [B], where it begins."""
    start = before.mask.sum(1)
    width = before.item.shape[1]
    place = jnp.arange(width + rows.item.shape[1])[None]
    source = jnp.where(place < start[:, None], place, place - start[:, None] + width)
    inside = source < width + rows.item.shape[1]

    def joined(a: Array, b: Array) -> Array:
        both = jnp.concatenate([a, b], axis=1)
        return jnp.take_along_axis(both, jnp.where(inside, source, 0), axis=1) * inside.astype(both.dtype)

    parts = (joined(getattr(before, leaf), getattr(rows, leaf)) for leaf in ("item", "feedback", "mask"))
    return Sequences(*parts, rows.user), start


def past(interactions: Interactions, buckets: Sequence[Sequences], *, splits: Sequence[int]) -> tuple[np.ndarray, ...]:
    """The distinct items that the user of each row held out has in the rows of `splits`: int32 [N, P] a bucket, padded
    with -1."""
    held = np.zeros(interactions.num_users, bool)
    for bucket in buckets:
        held[bucket.user] = True
    rows = np.isin(interactions.split, splits) & held[interactions.user]
    pair = interactions.user[rows].astype(np.int64) * interactions.num_items + interactions.item[rows]
    user, item = np.divmod(distinct(pair), interactions.num_items)
    counts = np.bincount(user, minlength=interactions.num_users)
    first = np.cumsum(counts) - counts

    def of(user: np.ndarray) -> np.ndarray:
        place = np.arange(max(int(counts[user].max(initial=0)), 1))[None]
        inside = place < counts[user][:, None]
        if len(item) == 0:
            return np.full(inside.shape, -1, np.int32)
        index = np.minimum(first[user][:, None] + place, len(item) - 1)
        return np.where(inside, item[index], -1).astype(np.int32)

    return tuple(of(bucket.user) for bucket in buckets)

"""`Interactions` -> `Sequences`: ragged logs as padded records, one row per session, vectorised."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from jaxrec.data import sessions
from jaxrec.types import TRAIN, Array, Interactions, JaxrecError, Sequences


@struct.dataclass
class NextItem:
    """What next-item models learn from and are measured on.

    Attributes:
      train, test: rows of one length T. past: int32 [N, P], what each test row's user has in train, padded with -1.
      popularity: int32 [A], rows of the item in train.
    """

    train: Sequences
    test: Sequences
    past: Array
    popularity: Array


def next_item(interactions: Interactions, *, length: int, test: int, session: np.ndarray | None = None) -> NextItem:
    """TRAIN rows to learn from and those of the split `test` to be measured on, as `build` makes them."""
    rows = {"length": length, "session": session}
    held = build(interactions, split=test, **rows)
    seen = interactions.item[interactions.split == TRAIN]
    return NextItem(
        train=build(interactions, split=TRAIN, **rows),
        test=held,
        past=past(interactions, held, split=TRAIN),
        popularity=np.bincount(seen, minlength=interactions.num_items).astype(np.int32),
    )


def batches(batch_size: int) -> Callable[[NextItem, Array], Sequences]:
    """A view of rows drawn uniformly: `view(data, key) -> Sequences` [B, T]."""

    def view(data: NextItem, key: Array) -> Sequences:
        row = jax.random.randint(key, (batch_size,), 0, data.train.item.shape[0])
        return jax.tree.map(lambda x: jnp.take(x, row, axis=0), data.train)

    return view


def build(
    interactions: Interactions,
    *,
    length: int | None = None,
    split: int | None = None,
    session: np.ndarray | None = None,
    min_length: int = 2,
) -> Sequences:
    """One row per session, in the order of users and time.

    Args:
      length: T, of longer sessions the most recent items are kept (T 5.4.2); None is the longest there is.
      split: the rows of which split; None takes all.
      session: int [E], the session of each row (`sessions.number`); None: each user is one.
      min_length: shorter sessions are left out; with one item there is nothing to predict.

    Returns:
      A record of numpy arrays; `jax.device_put` it once.

    Raises:
      JaxrecError: a length that holds no prediction, or no session that is long enough.
    """
    if length is not None and length < 2:
        raise JaxrecError(f"sequences of length {length} hold nothing to predict; ask for at least 2")
    order = sessions.chronological(interactions)
    if split is not None:
        order = order[interactions.split[order] == split]
    user = interactions.user[order]
    number = user if session is None else session[order]
    if session is not None and (np.diff(number) < 0).any():  # sessions that overlap in time
        again = np.lexsort((number, user))
        order, user, number = order[again], user[again], number[again]
    starts = np.flatnonzero(np.diff(number, prepend=-1) != 0)
    counts = np.diff(starts, append=len(order))
    kept = counts >= max(min_length, 1)
    if not kept.any():
        raise JaxrecError(f"no session of {interactions.name} has {min_length} rows; lower min_length or the filters")
    width = int(counts.max()) if length is None else length
    # The place of each row counted from the first that is kept of its session.
    skipped = np.maximum(counts - width, 0)
    place = np.arange(len(order)) - np.repeat(starts + skipped, counts)
    rows = np.repeat(np.cumsum(kept) - 1, counts)
    chosen = np.flatnonzero(np.repeat(kept, counts) & (place >= 0))
    where = rows[chosen] * width + place[chosen]
    shape = (int(kept.sum()), width)
    source = order[chosen]
    return Sequences(
        item=_padded(interactions.item[source], where, shape),
        feedback=_padded(interactions.feedback[source], where, shape),
        mask=np.arange(width)[None] < np.minimum(counts[kept], width)[:, None],
        user=user[starts[kept]],
    )


def _padded(values: np.ndarray, where: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    padded = np.zeros(shape[0] * shape[1], values.dtype)
    padded[where] = values
    return padded.reshape(shape)


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


def past(interactions: Interactions, sequences: Sequences, *, split: int) -> np.ndarray:
    """The distinct items that the user of each sequence has in the rows of `split`: int32 [N, P], padded with -1."""
    rows = interactions.split == split
    pair = interactions.user[rows].astype(np.int64) * interactions.num_items + interactions.item[rows]
    user, item = np.divmod(np.unique(pair), interactions.num_items)
    counts = np.bincount(user, minlength=interactions.num_users)
    width = max(int(counts[sequences.user].max(initial=0)), 1)
    first = np.cumsum(counts) - counts
    place = np.arange(width)[None]
    inside = place < counts[sequences.user][:, None]
    if len(item) == 0:
        return np.full(inside.shape, -1, np.int32)
    index = np.minimum(first[sequences.user][:, None] + place, len(item) - 1)
    return np.where(inside, item[index], -1).astype(np.int32)

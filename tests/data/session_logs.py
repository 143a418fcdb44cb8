"""Small logs with sessions, and the sessions worked out row by row."""

from __future__ import annotations

import numpy as np

from jaxrec.base.records import TRAIN, Interactions


def table(rows, split=None, num_items=None) -> Interactions:
    """rows are (user, item, time)."""
    user, item, time = np.array(rows, np.int64).T
    return Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        feedback=np.arange(len(rows), dtype=np.float32),
        time=time,
        split=np.array(split if split is not None else [TRAIN] * len(rows), np.int8),
        user_ids=np.arange(user.max() + 1),
        item_ids=np.arange(num_items or item.max() + 1),
    )


def random_log(seed: int, size: int = 400) -> Interactions:
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.integers(0, 9, size), rng.integers(0, 25, size), rng.integers(0, 200, size) * 600], 1)
    return table(rows.tolist(), num_items=25)


def by_hand(data: Interactions, gap: int | None) -> list[tuple[int, list[int]]]:
    """(user, rows) of each session."""
    found = []
    for user in range(data.num_users):
        rows = sorted(np.flatnonzero(data.user == user).tolist(), key=lambda r: data.time[r])
        for n, row in enumerate(rows):
            if n == 0 or (gap is not None and data.time[row] - data.time[rows[n - 1]] > gap):
                found.append((user, []))
            found[-1][1].append(row)
    return found

"""A dataset's own identifiers: the distinct ones, and the position of each value among them."""

from __future__ import annotations

import numpy as np
import polars as pl


def distinct(values: np.ndarray) -> np.ndarray:
    """The distinct ids, sorted: int64 [U], or object [U] of str."""
    return pl.Series(values).unique().sort().to_numpy()


def positions(ids: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Looks values up in sorted ids.

    Args:
      ids: int64 or object [U], sorted and distinct. values: the same kind, [E].

    Returns:
      (int32 [E], the position of each value in `ids`, any where it is not among them; bool [E], whether it is).
    """
    if ids.dtype == object:
        table = pl.DataFrame({"id": ids, "position": np.arange(len(ids), dtype=np.int32)})
        position = pl.DataFrame({"id": values}).join(table, on="id", how="left", maintain_order="left")["position"]
        return position.fill_null(0).to_numpy(), position.is_not_null().to_numpy()
    low, high = int(ids[0]), int(ids[-1])
    if high - low < 4 * (len(ids) + len(values)):  # a table is several times faster than a binary search per row
        table = np.full(high - low + 1, -1, np.int32)
        table[ids - low] = np.arange(len(ids))
        inside = (values >= low) & (values <= high)
        position = table[np.where(inside, values, low) - low]
        return position, inside & (position >= 0)
    position = np.minimum(np.searchsorted(ids, values), len(ids) - 1)
    return position.astype(np.int32), ids[position] == values

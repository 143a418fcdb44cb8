"""Which items few users know: the long tail of a catalogue."""

from __future__ import annotations

import numpy as np


def tail_items(popularity: np.ndarray, head: float = 0.1) -> np.ndarray:
    """Marks the items outside the most frequent share of the catalogue (T 4: the top tenth is popular).

    Args:
      popularity: [A], events or users of each item (`data.popularity`).
      head: the share of the catalogue that counts as popular.

    Returns:
      bool [A]; items of equal popularity enter the head in the order of their index.
    """
    order = np.argsort(-popularity, kind="stable")
    outside = np.zeros(len(order), bool)
    outside[order[round(head * len(order)) :]] = True
    return outside

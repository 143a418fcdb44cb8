"""Lists of category numbers as a matrix of indicators."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxrec.data.files.fields import Column, parse_number


def multi_hot(path: Path, lists: Sequence[tuple[int, Sequence[str]]], *, most: int = 1000) -> np.ndarray:
    """Marks the categories of each row.

    Args:
      path: the file, for messages.
      lists: of each row its line in the file and the texts of its category numbers.
      most: the largest number of categories; a damaged number must not ask for a matrix that fills the memory.

    Returns:
      bool [A, C], C = the largest category number + 1.

    Raises:
      JaxrecError: a text is no category number; names its line.
    """
    column = Column("category", int, 0, most - 1)
    pairs = [(row, parse_number(path, line, t, column)) for row, (line, texts) in enumerate(lists) for t in texts]
    rows, categories = np.array(pairs, np.int64).reshape(-1, 2).T
    hot = np.zeros((len(lists), int(categories.max(initial=0)) + 1), bool)
    hot[rows, categories] = True
    return hot

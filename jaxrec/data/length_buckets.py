"""Sequences sorted into buckets of similar length, so that little padding is computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Sequences


def split_by_length(sequences: Sequences, lengths: Sequence[int]) -> list[Sequences]:
    """Puts each sequence into the bucket of the shortest of `lengths` that holds it; empty buckets are left out.

    Returns:
      One record per bucket, each cut to its bucket's length, sequences in their old order.

    Raises:
      JaxrecError: a sequence is longer than all of `lengths`.
    """
    bounds = np.unique(np.asarray(lengths, np.int64))
    size = np.asarray(sequences.mask).sum(1)
    if len(bounds) == 0 or size.max() > bounds[-1]:
        raise JaxrecError(f"sequences of up to {size.max()} items do not fit in buckets of {list(lengths)}; add one")
    bucket = np.searchsorted(bounds, size)
    return [_select(sequences, np.flatnonzero(bucket == n), int(bounds[n])) for n in np.unique(bucket)]


def _select(sequences: Sequences, index: np.ndarray, width: int) -> Sequences:
    item, feedback, mask = (x[index, :width] for x in (sequences.item, sequences.feedback, sequences.mask))
    left = None if sequences.left is None else sequences.left[index]
    return Sequences(item, feedback, mask, sequences.user[index], left)

"""A dataset's features of users or items as one matrix of indicators."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# A column with more distinct values than this tells rows apart rather than what they have in common.
MAX_VALUES = 64


def indicators(features: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    """Encodes features as zeros and ones: one column per value of a category, multi-hot features as they are.

    Args:
      features: name -> array [rows, ...]. Taken are boolean or integer matrices of zeros and ones, and columns of
        booleans, integers or strings with at most MAX_VALUES values. Our reading of DeepFM's fields: real numbers, free
        text, images and identifiers are left out.
      rows: how many users or items there are.

    Returns:
      float32 [rows, F], the features in the order of their names.
    """
    parts = [part for name in sorted(features) if (part := _part(np.asarray(features[name]))) is not None]
    return np.concatenate([np.zeros((rows, 0)), *parts], axis=1).astype(np.float32)


def _part(values: np.ndarray) -> np.ndarray | None:
    discrete = values.dtype.kind in "biu"
    if values.ndim == 2:
        return values if discrete and np.isin(values, (0, 1)).all() else None
    if values.ndim != 1 or not (discrete or values.dtype.kind in "OU"):
        return None
    try:
        distinct, index = np.unique(values, return_inverse=True)
    except TypeError:  # objects that cannot be ordered
        return None
    return np.eye(len(distinct))[index] if 1 < len(distinct) <= MAX_VALUES else None

"""What a dataset knows of its users or items, as one matrix of indicators."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# A column with more distinct values than this tells rows apart rather than what they have in common.
MAX_VALUES = 64


def indicators(features: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    """float32 [rows, F] of zeros and ones, by name: one column per value of a category, multi-hot features as they are.

    Taken are boolean or integer matrices of zeros and ones, and columns of booleans, integers or strings with at most
    MAX_VALUES values. Our reading of DeepFM's fields: real numbers, free text, images and identifiers are left out.
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
        found, index = np.unique(values, return_inverse=True)
    except TypeError:  # objects that cannot be ordered
        return None
    return np.eye(len(found))[index] if 1 < len(found) <= MAX_VALUES else None

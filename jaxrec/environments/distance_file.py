"""Distances between items from a file of one's own, for users who leave by them.

A published threshold belongs to the matrix that it was chosen for: YahooR3's 120 to the ratings of all 15,400 users.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base.errors import JaxrecError


def read(path: str | Path, num_items: int) -> np.ndarray:
    """Reads a `.npy` file of distances, float32 [A, A], items in the order of the environment.

    Args:
      num_items: A.

    Raises:
      JaxrecError: no such file, another format or shape, or numbers that are no distances: negative, not finite, or not
        the same in both directions.
    """
    path = Path(path).expanduser()
    try:
        distance = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise JaxrecError(f"exit_distances {path} cannot be read as a .npy file of numbers: {error}") from error
    expected = (num_items, num_items)
    if not isinstance(distance, np.ndarray) or distance.shape != expected or distance.dtype.kind not in "fiu":
        raise JaxrecError(f"exit_distances {path} is no .npy file of numbers {expected}, one row and column per item")
    distance = np.asarray(distance, np.float32)
    if not np.isfinite(distance).all() or (distance < 0).any():
        raise JaxrecError(f"exit_distances {path} has numbers that are negative or not finite; distances have none")
    if not np.allclose(distance, distance.T, rtol=1e-5, atol=1e-6):
        raise JaxrecError(f"exit_distances {path} is not symmetric: make the distance of a to b that of b to a")
    return distance

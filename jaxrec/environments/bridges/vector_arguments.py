"""What is handed to a vector environment of B rows: actions, reset masks and seeds, each checked before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import seeding

from jaxrec.base.errors import JaxrecError


def actions(given: Any, space: gymnasium.Space, playing: np.ndarray, seen: np.ndarray | None, mode: str) -> np.ndarray:
    """Returns the actions of B rows as the environment takes them, int32 [B] or float32 [B, D_a].

    Args:
      space: of one row's action.
      playing: bool [B], the rows whose action counts; the others may hold anything.
      seen: bool [B, A], the items that the mode forbids; None where it forbids none.

    Raises:
      JaxrecError: actions of another shape or kind, outside the space, or forbidden.
    """
    array = np.asarray(given)
    if array.shape != (len(playing), *space.shape):
        expected = [len(playing), *space.shape]
        raise JaxrecError(f"actions are {list(array.shape)}, {expected} are expected: one for each row")
    if isinstance(space, gymnasium.spaces.Discrete):
        return _items(array, int(space.n), playing, seen, mode)
    if not np.isfinite(array[playing]).all():
        raise JaxrecError("actions hold numbers that are not finite; check what chose them")
    return array.astype(np.float32)


def _items(array: np.ndarray, num_items: int, playing: np.ndarray, seen: np.ndarray | None, mode: str) -> np.ndarray:
    if array.dtype.kind not in "iu":
        raise JaxrecError(f"actions are {array.dtype}, but actions are items: give whole numbers")
    array = np.where(playing, array, 0)
    outside = (array < 0) | (array >= num_items)
    if outside.any():
        raise JaxrecError(f"{array[outside][0]} is no item; there are {num_items}, from 0 to {num_items - 1}")
    if seen is not None:
        repeated = seen[np.arange(len(array)), array] & playing
        if repeated.any():
            row = int(np.flatnonzero(repeated)[0])
            raise JaxrecError(
                f"item {array[row]} was recommended before in the episode of row {row}, which mode {mode} forbids; "
                "choose by action_masks(), or play mode FB"
            )
    return array.astype(np.int32)


def chosen_rows(options: dict[str, Any] | None, num_rows: int) -> np.ndarray:
    """Returns bool [B], the rows that a reset with these options is about; raises JaxrecError for another mask."""
    if not options or "reset_mask" not in options:
        return np.ones(num_rows, bool)
    mask = np.asarray(options["reset_mask"])
    if mask.shape != (num_rows,) or mask.dtype != bool:
        raise JaxrecError(f"reset_mask is {mask.dtype} {list(mask.shape)}; give one bool for each of {num_rows} rows")
    return mask


def row_seeds(seed: int | Sequence[int | None] | None, num_rows: int) -> list[int | None]:
    """Returns the seed of each row: i more than the number that is given, or that of the list.

    Raises:
      JaxrecError: a list of another length.
    """
    if seed is None:
        return [None] * num_rows
    if isinstance(seed, (int, np.integer)):
        return [int(seed) + row for row in range(num_rows)]
    if len(seed) != num_rows:
        raise JaxrecError(f"{len(seed)} seeds for {num_rows} rows; give one for each row, or one number")
    return [None if each is None else int(each) for each in seed]


def seed_words(seed: int | None, generator: np.random.Generator) -> np.ndarray:
    """Returns 64 random bits as uint32 [2], those of Gymnasium's generator of the seed, or of `generator` for None."""
    source = generator if seed is None else seeding.np_random(seed)[0]
    return source.integers(0, 2**32, size=2, dtype=np.uint32)

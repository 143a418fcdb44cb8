"""Makes `Interactions` of the logs read from files: dense indices, and the checks that every dataset shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN, Interactions
from jaxrec.data.files.fields import one_line
from jaxrec.data.files.identifiers import distinct, positions


class Log(NamedTuple):
    """The events of one file, each array [E].

    Attributes:
      path: the file, for messages.
      user, item: the dataset's own ids, int64, or object of str.
      feedback: numbers; the unit is the dataset's. time: seconds, None if unknown.
      split: TRAIN, VALIDATION or TEST, to which all of these events belong, or int8 [E], of each event.
      first_line: the line of event 0, so that a message about an event can name its line.
      lines: int64 [E], of each event its line, where they are not one below the other; else None.
    """

    path: Path
    user: np.ndarray
    item: np.ndarray
    feedback: np.ndarray
    time: np.ndarray | None = None
    split: int | np.ndarray = TRAIN
    first_line: int = 1
    lines: np.ndarray | None = None

    def line(self, event: int) -> int:
        """The line of an event, which is counted from 0."""
        return int(event + self.first_line if self.lines is None else self.lines[event])


def interactions(
    name: str,
    logs: Sequence[Log],
    *,
    user_ids: np.ndarray | None = None,
    item_ids: np.ndarray | None = None,
    unique: bool = False,
    advice: str = "",
    user_features: Mapping[str, np.ndarray] | None = None,
    item_features: Mapping[str, np.ndarray] | None = None,
) -> Interactions:
    """Joins logs, in order, under one dense index of users and one of items.

    Args:
      name: the dataset's name.
      logs: at least one, each with at least one event.
      user_ids, item_ids: sorted catalogues, which may hold ids without events; by default the ids that occur.
      unique: whether one log may hold a (user, item) pair only once in a split.
      advice: what else a message about a repeated pair says.
      user_features, item_features: name -> array whose first axis is the users or items of the catalogue.

    Raises:
      JaxrecError: an id that is not in the catalogue, a repeated pair, fewer than two users or items.
    """
    for log in logs:
        if len(log.user) == 0:
            raise JaxrecError(f"{log.path} has no interactions; fetch the file again")
    user_ids, users = _indices("user", logs, [log.user for log in logs], user_ids)
    item_ids, items = _indices("item", logs, [log.item for log in logs], item_ids)
    check_enough(logs[0].path, len(user_ids), len(item_ids))
    if unique:
        for log, user, item in zip(logs, users, items, strict=True):
            _refuse_pairs(log, user, item, len(user_ids), len(item_ids), advice)
    times = np.concatenate([np.zeros(len(log.user)) if log.time is None else log.time for log in logs])
    user, seconds = np.concatenate(users), np.floor(times)
    order = _order(np.repeat(np.arange(len(logs)), [len(log.user) for log in logs]), user, times, seconds)
    return Interactions(
        user=user[order],
        item=np.concatenate(items)[order],
        feedback=np.concatenate([log.feedback for log in logs]).astype(np.float32)[order],
        time=seconds.astype(np.int64)[order],
        split=np.concatenate([np.full(len(log.user), log.split, np.int8) for log in logs])[order],
        user_ids=user_ids,
        item_ids=item_ids,
        user_features=dict(user_features or {}),
        item_features=dict(item_features or {}),
        name=name,
    )


def _order(log: np.ndarray, user: np.ndarray, times: np.ndarray, seconds: np.ndarray) -> np.ndarray | slice:
    """Keeps events where they are, but sorts those of one user and second of a log by their time within the second."""
    if not (times > seconds).any():
        return slice(None)
    order = np.empty(len(user), np.int64)
    order[np.lexsort((seconds, user, log))] = np.lexsort((times, user, log))
    return order


def check_enough(path: Path, num_users: int, num_items: int) -> None:
    """Raises JaxrecError where what was read of a file is of one user, or of one item."""
    for what, count in (("user", num_users), ("item", num_items)):
        if count < 2:
            raise JaxrecError(f"what was read of {path} has one {what} only; a recommender needs at least two")


def _indices(
    what: str, logs: Sequence[Log], values: list[np.ndarray], ids: np.ndarray | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The sorted ids, and per log the int32 position of each value among them."""
    if ids is None:
        ids = distinct(np.concatenate(values))
    if len(ids) >= 2**31:
        raise JaxrecError(f"{logs[0].path} has {len(ids)} {what}s; at most {2**31 - 1} fit a 32-bit index")
    indices = []
    for log, value in zip(logs, values, strict=True):
        position, known = positions(ids, value)
        if not known.all():
            row = int(np.argmin(known))
            shown = one_line(value[row])[:40]
            raise JaxrecError(
                f"{log.path} line {log.line(row)}: {what} {shown} is not in the list of {what}s; "
                "fetch the files again, all from one release"
            )
        indices.append(position)
    return ids, indices


def _refuse_pairs(log: Log, user: np.ndarray, item: np.ndarray, num_users: int, num_items: int, advice: str) -> None:
    """Raises JaxrecError where a (user, item) pair comes twice in a split."""
    split = np.asarray(log.split, np.int64)
    pair = pl.Series((split * num_users + user) * num_items + item)
    if pair.n_unique() < len(pair):
        row = int((~pair.is_first_distinct()).arg_max())
        shown = f"user {one_line(log.user[row])[:40]} has item {one_line(log.item[row])[:40]}"
        raise JaxrecError(
            f"{log.path} line {log.line(row)}: {shown} a second time; keep one of the two{advice and f', or {advice}'}"
        )

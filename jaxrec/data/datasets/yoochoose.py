"""Yoochoose (RC15): half a year of clicks and buys in the sessions of a European shop, April to September 2014.

Ben-Shimon et al., RecSys Challenge 2015 and the YOOCHOOSE Dataset, RecSys 2015.
Licence: CC BY-NC-ND 4.0; no attempt to reveal the identity of users or of the business.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data import filters
from jaxrec.data.files import assemble, compressed, official, text_tables
from jaxrec.data.files.fields import REMEDY, Column, one_line

BUYS = "yoochoose-buys.dat"
RELEASE = official.Release(
    name="yoochoose",
    url="https://www.kaggle.com/datasets/chadgostopp/recsys-challenge-2015",
    folder="rsc15",
    files={"yoochoose-clicks.dat": None},
    counts={"users": 9_249_729, "items": 52_739, "train": 33_003_944, "test": 0},
    agreement="Yoochoose's files lie in a 7z archive, or behind a sign-in",
    gzipped=True,
)
RANGES = {"rewards": ranges.list_of_length(2, ranges.FINITE, "two finite numbers, of a click and of a buy")}


def load(
    root: Path | str | None, *, buys: bool = False, rewards: tuple[float, float] = (0.2, 1.0), check: bool = True
) -> Interactions:
    """Reads the clicks and, if asked to, the buys after them; all rows are TRAIN.

    Args:
      root: the folder that holds `rsc15/`.
      buys: whether to read `yoochoose-buys.dat` too.
      rewards: feedback of a click and of a buy (SQN's); without buys there is one behaviour, whose feedback is 1.
      check: whether the counts must be the published ones (of the clicks).

    Returns:
      A user is a session; time in Unix seconds. The category of a click is not kept: most are unknown.

    Raises:
      JaxrecError: a file is missing or damaged.
    """
    folder = official.find_folder(RELEASE, root)
    if buys and not compressed.plain_or_gzipped(folder / BUYS).is_file():
        raise JaxrecError(f"{folder / BUYS} is missing; it comes from {RELEASE.url}; put it there, or leave buys out")
    logs = [_log(folder / next(iter(RELEASE.files)), [Column("category", str)], rewards[0] if buys else 1.0)]
    if buys:
        logs.append(_log(folder / BUYS, [Column("price", float), Column("quantity", int)], rewards[1]))
    interactions = assemble.interactions(RELEASE.name, logs)
    if check:
        clicks = filters.reindex(interactions.where(np.arange(len(logs[0].user))))
        official.check_counts(RELEASE, clicks, root, folder)
    return interactions


def _log(path: Path, rest: list[Column], feedback: float) -> assemble.Log:
    columns = [Column("session", int), Column("timestamp", str), Column("item", int), *rest]
    with compressed.unpacked(path) as text:
        data = text_tables.read_columns(text, columns, header=False, quoted=False)
        seconds = _seconds(text, data["timestamp"])
    where = compressed.plain_or_gzipped(path)
    return assemble.Log(where, data["session"], data["item"], np.full(len(seconds), feedback), seconds)


def _seconds(path: Path, texts: np.ndarray) -> np.ndarray:
    """Unix seconds float64 [E] of times such as 2014-04-07T10:51:09.277Z."""
    times = pl.Series(texts).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", strict=False)
    if times.null_count():
        row = int(times.is_null().arg_max())
        shown = one_line(texts[row])[:40]
        raise JaxrecError(f"{path} line {row + 1}: timestamp {shown!r} is no time; {REMEDY}")
    return times.to_physical().to_numpy() / 1000

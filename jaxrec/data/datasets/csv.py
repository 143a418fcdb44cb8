"""Own data: one CSV, TSV or Parquet file with a row per interaction; by default `user,item,rating,timestamp`.

Licence: yours.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data.files import assemble, parquet, text_tables
from jaxrec.data.files.fields import Column, field_fault

_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_LARGEST = float(np.finfo(np.float32).max)
# What messages add: how options are named in a config, and on the command line as data.options.<name>.
_HINT_IDS = " (if ids are words, set ids='text')"
_HINT_RATING = " (if there are no ratings, set rating='')"
_HINT_TIME = " (times are numbers: seconds since 1970, or another time_unit; without times set timestamp='')"
RELEASE = None  # the data are the user's
RANGES = {
    "path": ranges.or_none(ranges.Range("a path", lambda x: isinstance(x, str | Path))),
    "separator": ranges.or_none(ranges.TEXT),
    "rating_range": ranges.or_none(ranges.list_of_length(2, ranges.FINITE, "two finite numbers, lowest and highest")),
}


def load(
    root: Path | str | None = None,
    *,
    path: Path | str | None = None,
    user: str = "user",
    item: str = "item",
    rating: str | None = "rating",
    timestamp: str | None = "timestamp",
    separator: str | None = None,
    ids: str = "auto",
    rating_range: tuple[float, float] | None = None,
    time_unit: str = "s",
    duplicates: str = "refuse",
) -> Interactions:
    """Reads one file; all rows are TRAIN (see `data.splits`).

    Args:
      root: the folder that a relative `path` starts from; None for the working directory.
      path: the file; `.parquet` is read as Parquet, anything else as text.
      user, item, rating: names of the columns; rating None gives every row feedback 1.
      timestamp: name of the time column; None, or the default where the file has no such column, leaves times unknown.
      separator: one character; None is a tab for `.tsv`, a comma otherwise.
      ids: what users and items are called by: `integer` (64 bits), `text`, or `auto`: as the file has it, a text
        file in its first row.
      rating_range: lowest and highest rating allowed; None allows any finite number.
      time_unit: s, ms, us or ns; times are kept in whole seconds.
      duplicates: `refuse` a (user, item) pair that comes twice, or `keep` both as repeated events.

    Raises:
      JaxrecError: missing or damaged file or option; names the line.
    """
    if not path:
        raise JaxrecError("dataset csv needs the file to read: name it by path, or --config.data.options.path=FILE")
    _check_options(
        [user, item, rating, timestamp],
        separator,
        ids=(ids, ("auto", "integer", "text")),
        time_unit=(time_unit, tuple(_TICKS)),
        duplicates=(duplicates, ("refuse", "keep")),
    )
    file = Path(path).expanduser() if root is None else Path(root) / Path(path).expanduser()
    separator = separator or ("\t" if file.suffix == ".tsv" else ",")
    kind = {"auto": _kind_of_ids(file, separator, user, item), "integer": int, "text": str}[ids]
    low, high = rating_range or (-_LARGEST, _LARGEST)
    columns = [Column(name, kind, hint=_HINT_IDS * (kind is int)) for name in (user, item)]
    columns += [Column(rating, float, low, high, hint=_HINT_RATING)] if rating else []
    if timestamp == "timestamp" and timestamp not in _column_names(file, separator):
        timestamp = None
    columns += [Column(timestamp, float, -(2.0**62), 2.0**62, hint=_HINT_TIME)] if timestamp else []
    if _is_parquet(file):
        data = parquet.read_columns(file, columns)
    else:
        data = text_tables.read_columns(file, columns, separator=separator)
    feedback = data[rating] if rating else np.ones(len(data[user]))
    time = data[timestamp] / _TICKS[time_unit] if timestamp else None
    log = assemble.Log(file, data[user], data[item], feedback, time, first_line=1 if _is_parquet(file) else 2)
    return assemble.interactions("csv", [log], unique=duplicates == "refuse")


def _kind_of_ids(file: Path, separator: str, user: str, item: str) -> type:
    """str where users or items are texts, in a text file by its first row; else int."""
    if _is_parquet(file):
        return str if parquet.text_columns(file) & {user, item} else int
    first = text_tables.first_row(file, separator)
    words = any(field_fault(first[name], Column(name, int)) for name in (user, item) if name in first)
    return str if words else int


def _is_parquet(file: Path) -> bool:
    return file.suffix == ".parquet"


def _column_names(file: Path, separator: str) -> list[str]:
    return parquet.column_names(file) if _is_parquet(file) else text_tables.column_names(file, separator)


def _check_options(columns: list[str | None], separator: str | None, **choices: tuple[str, tuple[str, ...]]) -> None:
    for option, (value, known) in choices.items():
        if value not in known:
            raise JaxrecError(f"dataset csv has no {option} {value!r}; choose one of {', '.join(known)}")
    named = [c for c in columns if c]
    if len(set(named)) < len(named):
        raise JaxrecError(f"dataset csv needs a column of its own for each of {', '.join(named)}")
    if separator is not None and (len(separator) != 1 or not separator.isascii() or separator in '"\r\n'):
        raise JaxrecError(f"dataset csv cannot separate at {separator!r}; give one ASCII character")

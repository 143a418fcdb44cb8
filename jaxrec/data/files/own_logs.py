"""The columns of the user's own table as the events of a log."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from jaxrec.base.records import TEST, TRAIN, VALIDATION
from jaxrec.data.files import assemble, own_values, times
from jaxrec.data.files.fields import Column, one_line
from jaxrec.data.files.own_tables import Table
from jaxrec.data.files.own_values import Converted

_LARGEST = float(np.finfo(np.float32).max)
_HINT_IDS = " (if ids are words, set ids='text')"
_HINT_RATING = " (if there are no ratings, set rating='')"
_SPLITS = {  # split -> how people write it; case means nothing
    TRAIN: ("train", "training", "0"),
    VALIDATION: ("validation", "valid", "val", "dev", "1"),
    TEST: ("test", "testing", "2"),
}


def kind_of_ids(tables: Sequence[Table]) -> type:
    """int where every user and every item of all tables is written as a whole number; else str."""
    columns = [(table, table.columns[option]) for table in tables for option in ("user", "item")]
    texts = any(table.is_parquet and series.dtype == pl.String for table, series in columns)
    return str if texts or not all(own_values.are_whole_numbers(series) for _, series in columns) else int


def log(
    table: Table, split: int, kind: type, rating_range: tuple[float, float] | None, time_unit: str, decimal: str
) -> assemble.Log:
    """Converts the columns of one file: user and item, and where it has them rating, timestamp and split.

    Args:
      split: of events whose split no column says. kind: of the ids, int or str.
      rating_range: lowest and highest rating allowed, None for any. time_unit: of `times.TICKS`.
      decimal: what numbers have before their fraction.

    Raises:
      JaxrecError: names the first line at fault.
    """
    columns, names = table.columns, table.names
    hint = _HINT_IDS * (kind is int)
    read = {option: own_values.ids(columns[option], names[option], kind, hint) for option in ("user", "item")}
    if "rating" in columns:
        column = Column(names["rating"], float, *(rating_range or (-_LARGEST, _LARGEST)), hint=_HINT_RATING)
        read["rating"] = own_values.numbers(columns["rating"], column, decimal)
        if rating_range and read["rating"].fault:
            row, complaint = read["rating"].fault
            read["rating"] = read["rating"]._replace(fault=(row, f"{complaint} (rating_range is {rating_range})"))
    if "timestamp" in columns:
        read["timestamp"] = times.seconds(columns["timestamp"], names["timestamp"], time_unit, decimal)
    if "split" in columns:
        read["split"] = _splits(columns["split"], names["split"])
    if fault := own_values.first_fault_of(list(read.values())):
        raise table.fault(*fault)
    values = {option: converted.values for option, converted in read.items()}
    return assemble.Log(
        table.path,
        values["user"],
        values["item"],
        feedback=values.get("rating", np.ones(len(values["user"]))),
        time=values.get("timestamp"),
        split=values.get("split", split),
        first_line=table.first,
        lines=table.lines,
    )


def _splits(series: pl.Series, name: str) -> Converted:
    """The split of each row, int8 [E]."""
    words = {word: split for split, written in _SPLITS.items() for word in written}
    texts = series.cast(pl.String).str.strip_chars().str.to_lowercase()
    split = texts.replace_strict(words, default=None, return_dtype=pl.Int8)
    fault = None
    if split.null_count():
        row = int(split.is_null().arg_max())
        fault = row, f"{name} {one_line(series[row])[:40]!r} is none of train, validation and test"
    return Converted(split.fill_null(0).to_numpy(), fault)

"""Ids and numbers of the user's own table, converted by whole columns: values, and the first field at fault."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from jaxrec.data.files.fields import Column, field_fault, one_line

_FEW = 100  # ids that are looked at first: where they are words, there is no need to look at all
_DECIMAL_COMMA = re.compile(r"\s*[+-]?[0-9]*,[0-9]+\s*")


class Converted(NamedTuple):
    """A column as an array.

    Attributes:
      values: int64, float64 or object of str [E]; any where a field is at fault.
      fault: (row of the first field at fault, what is wrong with it); None where nothing is.
    """

    values: np.ndarray
    fault: tuple[int, str] | None = None


def are_whole_numbers(series: pl.Series) -> bool:
    """Whether every id is a whole number of 64 bits, written as one writes numbers: `7`, and neither `007` nor `+7`.

    Otherwise ids are texts, for `007` and `7` are two users then. Missing ids do not count, nor do blanks around a
    number.
    """
    if series.dtype != pl.String:
        return True
    for texts in (series.head(_FEW).drop_nulls(), series.drop_nulls()):
        if texts.cast(pl.Int64, strict=False).null_count():  # blanks around numbers
            texts = texts.str.strip_chars()
            if texts.cast(pl.Int64, strict=False).null_count():
                return False
        begins_otherwise = (texts.filter(texts.str.starts_with(sign)) for sign in ("0", "+", "-0"))
        if any((other != "0").any() for other in begins_otherwise):
            return False
    return True


def some_are_numbers(series: pl.Series) -> bool:
    """Whether some ids that are texts look like numbers."""
    return series.dtype == pl.String and series.str.contains(r"^\s*[+-]?[0-9]+(\.0*)?\s*$").any()


def ids(series: pl.Series, name: str, kind: type, hint: str = "") -> Converted:
    """Ids as int64 or as texts, whichever kind is asked for."""
    column = Column(name, kind, hint=hint)
    if kind is str:
        values = series.cast(pl.String)
        bad = values.is_null() | (values.str.strip_chars() == "")
        return Converted(values.to_numpy(), _first(series, bad, column))
    values = _cast(series, pl.Int64)
    bad = values.is_null()
    if series.dtype.is_float():
        bad |= (values != series).fill_null(True)
    return Converted(values.fill_null(0).to_numpy(), _first(series, bad, column))


def numbers(series: pl.Series, column: Column, decimal: str = ".") -> Converted:
    """Numbers as float64, each finite and in the column's range."""
    if series.dtype == pl.String and decimal == ",":
        series = series.str.replace(",", ".", literal=True)
    values = _cast(series, pl.Float64)
    array = values.fill_null(np.nan).to_numpy()
    bad = ~((array >= column.low) & (array <= column.high) & np.isfinite(array))
    return Converted(array, _first(series, pl.Series(bad), column))


def _cast(series: pl.Series, dtype: type[pl.DataType]) -> pl.Series:
    """The numbers of a column, null where a field is none; blanks around a number mean nothing."""
    values = series.cast(dtype, strict=False)
    if series.dtype == pl.String and values.null_count():
        return series.str.strip_chars().cast(dtype, strict=False)
    return values


def _first(series: pl.Series, bad: pl.Series, column: Column) -> tuple[int, str] | None:
    if not bad.any():
        return None
    row = int(bad.arg_max())
    text = "" if series[row] is None else str(series[row])
    if column.kind is float and _DECIMAL_COMMA.fullmatch(text):
        column = dataclasses.replace(column, hint=" (if the comma is a decimal point, set decimal=',')")
    complaint = field_fault(text, column)
    if complaint is None:  # Python reads more as a number than a table should hold: 1_000
        complaint = f"{column.name} {one_line(text)[:40]!r} is not {'an integer' if column.kind is int else 'a number'}"
    return row, complaint


def first_fault_of(columns: Sequence[Converted]) -> tuple[int, str] | None:
    """The fault in the first row that has one; of one row, that of the first column."""
    return min((c.fault for c in columns if c.fault), key=lambda fault: fault[0], default=None)

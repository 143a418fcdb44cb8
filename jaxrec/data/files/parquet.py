"""Parquet files: named columns in, numpy arrays out, and one clear line where a file is damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.claims import check_rows
from jaxrec.data.files.fields import Column, field_fault, one_line, require_file
from jaxrec.data.files.layout import DTYPES, UNREADABLE, check_header, checked


def read_columns(path: Path, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Reads the named columns of a Parquet file, which may be of any type that converts without loss.

    Returns:
      name -> int64 [E], float64 [E] or object [E] of str, rows as in the file.

    Raises:
      JaxrecError: names the file and its first bad row.
    """
    check_header(path, columns, column_names(path))
    try:
        check_rows(path)
        frame = pl.read_parquet(path, columns=[c.name for c in columns])
        frame = frame.select(_converted(frame[c.name], c) for c in columns)
    except UNREADABLE as error:
        raise JaxrecError(f"{path} cannot be read as Parquet ({one_line(error)}); write or fetch it again") from None
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows; write or fetch it again")
    arrays = {c.name: checked(frame[c.name], c) for c in columns}
    for column in columns:
        if arrays[column.name] is None:
            raise JaxrecError(f"{path} {_first_bad_row(frame[column.name], column)}; mend that row")
    return arrays


def _converted(series: pl.Series, column: Column) -> pl.Series:
    """Cast to the column's type; ids stored as 3.0 are fine, 3.5 is not."""
    if series.dtype.is_temporal():
        raise ValueError(f"column {column.name!r} is a {series.dtype}; store plain numbers")
    cast = series.cast(DTYPES[column.kind])
    if column.kind is int and series.dtype.is_float() and not (series.is_null() | (cast == series)).all():
        raise ValueError(f"column {column.name!r} holds numbers that are no integers")
    return cast


def _first_bad_row(series: pl.Series, column: Column) -> str:
    for row, value in enumerate(series.to_list(), 1):
        complaint = field_fault("" if value is None else str(value), column)
        if complaint:
            return f"row {row}: {complaint}"
    return f"column {column.name!r} is damaged"


def column_names(path: Path) -> list[str]:
    """The names of a Parquet file's columns, in order. Raises: JaxrecError where it is no Parquet file."""
    return list(_schema(path))


def _schema(path: Path) -> dict[str, pl.DataType]:
    require_file(path)
    try:
        return pl.read_parquet_schema(path)
    except UNREADABLE as error:
        raise JaxrecError(f"{path} cannot be read as Parquet ({one_line(error)}); write or fetch it again") from None


def text_columns(path: Path) -> set[str]:
    """The names of the columns that hold texts. Raises: JaxrecError where it is no Parquet file."""
    return {name for name, dtype in _schema(path).items() if dtype == pl.String}

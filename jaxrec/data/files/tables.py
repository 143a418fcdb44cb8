"""Reads text tables: columns in, numpy arrays out, and one clear line where a file is damaged.

The fast path is one typed polars pass followed by whole-column checks. Only when these object is the file read again,
in blocks up to the bad one and there line by line (`lines.py`), to name the first line at fault.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.lines import REMEDY, Column, complain, existing, one_line, split_lines

_DTYPES = {int: pl.Int64, float: pl.Float64, str: pl.String}
# PanicException: polars' own checks fail this way on some damaged files, and it is no polars error.
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)
_BLOCK = 1 << 20  # bytes


class _Layout(NamedTuple):
    """How the file is cut: the columns wanted, the names of all its fields, and its punctuation."""

    columns: Sequence[Column]
    names: list[str]
    separator: str
    header: bool
    quoted: bool


def read(
    path: Path, columns: Sequence[Column], *, separator: str = ",", header: bool = True, quoted: bool = True
) -> dict[str, np.ndarray]:
    """Reads the named columns of a UTF-8 text table.

    Args:
      path: the file; with a header, columns not asked for are skipped, without one every column must be named.
      columns: what to read; order is free with a header.
      separator: one character, or (without header) one character twice: `::`.
      header: whether the first line names the columns.
      quoted: whether fields may be in double quotes.

    Returns:
      name -> int64 [E], float64 [E] or object [E] of str, rows as in the file.

    Raises:
      JaxrecError: names the file and its first bad line: wrong field count, not a number, out of range, not UTF-8.
    """
    existing(path)
    if header:
        found = names(path, separator)
        _check_header(path, columns, found)
    layout = _Layout(columns, found if header else [c.name for c in columns], separator, header, quoted)
    try:
        frame = _parse(path, layout)
    except _UNREADABLE as error:
        raise _fault(path, layout, error) from None
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows; fetch the file again")
    # A line cut short has a null in its last column; only where that may be empty by right are the lines counted.
    cut = header and frame[layout.names[-1]].null_count() and not _is_even(path, layout)
    if cut and _first_fault(path, layout):
        raise _fault(path, layout)
    arrays = {c.name: _checked(frame[c.name], c) for c in columns}
    if any(a is None for a in arrays.values()):
        raise _fault(path, layout)
    return arrays


def read_where(
    path: Path, columns: Sequence[Column], *, column: str, low: int, high: int, separator: str
) -> dict[str, np.ndarray]:
    """The rows of a text table without header whose `column` lies in [low, high), read in a stream: for files that do
    not fit in memory. Raises: JaxrecError as `read` does, also for what is wrong in the other rows; or no such rows."""
    layout = _Layout(columns, [c.name for c in columns], separator, header=False, quoted=False)
    schema = {c.name: _DTYPES[c.kind] for c in columns}
    existing(path)
    try:
        rows = pl.scan_csv(path, has_header=False, separator=separator, quote_char=None, schema=schema)
        wanted = pl.col(column).is_between(low, high, closed="left")
        faulty = pl.any_horizontal(pl.all().is_null())
        frame = rows.filter(wanted | faulty).collect(engine="streaming")
    except _UNREADABLE as error:
        raise _fault(path, layout, error) from None
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    if blank.any():  # at the end of the file they mean nothing
        if found := _first_fault(path, layout):
            raise JaxrecError(found)
        frame = frame.filter(~blank)
    arrays = {c.name: _checked(frame[c.name], c) for c in columns}
    if any(a is None for a in arrays.values()):
        raise _fault(path, layout)
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows with {column} from {low} to {high}; choose another range")
    return arrays


def read_parquet(path: Path, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """The same for a Parquet file, whose columns may be of any type that converts without loss. Raises: JaxrecError."""
    _check_header(path, columns, names(path, parquet=True))
    try:
        frame = pl.read_parquet(path, columns=[c.name for c in columns])
        frame = frame.select(_converted(frame[c.name], c) for c in columns)
    except _UNREADABLE as error:
        raise JaxrecError(f"{path} cannot be read as Parquet ({one_line(error)}); write or fetch it again") from None
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows; write or fetch it again")
    arrays = {c.name: _checked(frame[c.name], c) for c in columns}
    for column in columns:
        if arrays[column.name] is None:
            raise JaxrecError(f"{path} {_first_bad_row(frame[column.name], column)}; mend that row")
    return arrays


def _converted(series: pl.Series, column: Column) -> pl.Series:
    """Cast to the column's type; ids stored as 3.0 are fine, 3.5 is not."""
    if series.dtype.is_temporal():
        raise ValueError(f"column {column.name!r} is a {series.dtype}; store plain numbers")
    cast = series.cast(_DTYPES[column.kind])
    if column.kind is int and series.dtype.is_float() and not (series.is_null() | (cast == series)).all():
        raise ValueError(f"column {column.name!r} holds numbers that are no integers")
    return cast


def _first_bad_row(series: pl.Series, column: Column) -> str:
    for row, value in enumerate(series.to_list(), 1):
        complaint = complain("" if value is None else str(value), column)
        if complaint:
            return f"row {row}: {complaint}"
    return f"column {column.name!r} is damaged"


def names(path: Path, separator: str = ",", *, parquet: bool = False) -> list[str]:
    """The names of a file's columns, in order."""
    existing(path)
    if not parquet:
        return next(split_lines(path, separator, quoted=True), (1, []))[1]
    try:
        return list(pl.read_parquet_schema(path))
    except _UNREADABLE as error:
        raise JaxrecError(f"{path} cannot be read as Parquet ({one_line(error)}); write or fetch it again") from None


def _check_header(path: Path, columns: Sequence[Column], found: list[str]) -> None:
    for column in columns:
        if found.count(column.name) != 1:
            count = "more than one" if column.name in found else "no"
            listed = one_line(", ".join(f[:40] for f in found[:20]))
            raise JaxrecError(f"{path} has {count} column {column.name!r}; it has: {listed}")


def _parse(source: Path | io.BytesIO, layout: _Layout) -> pl.DataFrame:
    """One typed pass; blank lines at the end are dropped."""
    dtypes = {c.name: _DTYPES[c.kind] for c in layout.columns}
    settings = {"separator": layout.separator[0], "quote_char": '"' if layout.quoted else None}
    if layout.header:
        # A line cut short has its first column at least, which tells it from a blank one, and not its last.
        ends = dict.fromkeys((layout.names[0], layout.names[-1]), pl.String)
        wanted = ends | dtypes
        frame = pl.read_csv(source, columns=list(wanted), schema_overrides=wanted, **settings)
    else:
        # polars separates at one character: between the two of `::` it finds a column that must be empty.
        gaps = len(layout.separator) - 1
        schema = {
            n: t for name in layout.names for n, t in [("gap " + name, pl.String)] * gaps + [(name, dtypes[name])]
        }
        schema.pop("gap " + layout.names[0], None)
        frame = pl.read_csv(source, has_header=False, schema=schema, **settings)
        if any(frame[n].null_count() < len(frame) for n in schema if n not in dtypes):
            raise ValueError(f"fields are not separated by {layout.separator!r}")
    full = np.flatnonzero(~frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy())
    return frame[: full[-1] + 1 if len(full) else 0]


def _checked(series: pl.Series, column: Column) -> np.ndarray | None:
    """The column as numpy, or None where a value is missing, not finite or out of range."""
    if series.null_count():
        if not column.optional:
            return None
        series = series.fill_null("" if column.kind is str else 0)
    values = series.to_numpy()
    if column.kind is str:
        return values if column.optional or (series.str.strip_chars() != "").all() else None
    inside = (values >= column.low) & (values <= column.high)  # False for NaN
    return values if (inside & np.isfinite(values)).all() else None


def _fault(path: Path, layout: _Layout, cause: object = "a value is missing") -> JaxrecError:
    """What to tell the user: the first bad line, or, where every line looks sound, what the reader objected to."""
    found = _first_fault(path, layout)
    return JaxrecError(found or f"{path} cannot be read ({one_line(cause)}); fetch the file again")


def _first_fault(path: Path, layout: _Layout) -> str | None:
    """The first bad line, what is wrong with it and what to do."""
    places = [(layout.names.index(c.name), c) for c in layout.columns]
    start = _sound_prefix(path, layout)
    blank = None
    try:
        rows = split_lines(path, layout.separator, quoted=layout.quoted, start=start)
        if layout.header and start == (0, 0):
            next(rows, None)
        for number, fields in rows:
            if fields in ([], [""]) and len(layout.names) > 1:
                blank = blank or number
                continue
            if blank:
                return f"{path} line {blank}: the line is empty; {REMEDY}"
            if len(fields) != len(layout.names):
                expected = f"{len(layout.names)} are expected ({', '.join(layout.names[:8])})"
                return f"{path} line {number}: {len(fields)} fields where {expected}; {REMEDY}"
            for place, column in places:
                if complaint := complain(fields[place], column):
                    return f"{path} line {number}: {complaint}; {REMEDY}"
    except JaxrecError as error:
        return str(error)
    return None


def _is_even(path: Path, layout: _Layout) -> bool:
    """Whether there are separators for all fields of all lines: the parse refuses a line that has too many, so that
    equal sums leave none with too few."""
    if layout.quoted:
        return False
    separators = lines = 0
    last = b"\n"
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            separators, lines = separators + block.count(layout.separator.encode()), lines + block.count(b"\n")
            last = block[-1:]
    return separators == (len(layout.names) - 1) * (lines + (last != b"\n"))


def _sound_prefix(path: Path, layout: _Layout) -> tuple[int, int]:
    """How many (bytes, lines) at the start are sound, by whole blocks: line by line, a large file takes minutes."""
    with path.open("rb") as file:
        head = file.readline() if layout.header else b""
        size, lines = len(head), head.count(b"\n")
        if b'"' in head:
            return 0, 0
        while block := file.read(_BLOCK) + file.readline():
            # A quoted field may hold a line end, so that blocks may begin anywhere.
            if (layout.quoted and b'"' in block) or not _is_sound(head + block, layout):
                break
            size, lines = size + len(block), lines + block.count(b"\n")
    return size, lines


def _is_sound(block: bytes, layout: _Layout) -> bool:
    try:
        frame = _parse(io.BytesIO(block), layout)
    except _UNREADABLE:
        return False
    whole = len(frame) == block.count(b"\n") + (not block.endswith(b"\n")) - layout.header
    cut = layout.header and frame[layout.names[-1]].null_count()
    return bool(whole and not cut and all(_checked(frame[c.name], c) is not None for c in layout.columns))

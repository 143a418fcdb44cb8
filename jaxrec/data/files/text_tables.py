"""Reads text tables: columns in, numpy arrays out, and one clear line where a file is damaged.

The fast path is one typed polars pass followed by whole-column checks (`layout`). Only when these object is the file
read again, to name the first line at fault (`faults`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.faults import fault, first_fault
from jaxrec.data.files.fields import Column, require_file
from jaxrec.data.files.layout import DTYPES, UNREADABLE, Layout, check_header, checked, parse
from jaxrec.data.files.lines import split_lines
from jaxrec.data.files.quoting import has_quotes, quoting


def read_columns(
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
    require_file(path)
    if header:
        names = column_names(path, separator)
        check_header(path, columns, names)
    layout = Layout(columns, names if header else [c.name for c in columns], separator, header, quoted)
    frame = _parsed(path, layout)
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows; fetch the file again")
    # A line cut short has a null in its last column; only where that may be empty by right are the lines counted.
    cut = header and frame[layout.names[-1]].null_count() and not _is_even(path, layout)
    if cut and first_fault(path, layout):
        raise fault(path, layout)
    arrays = {c.name: checked(frame[c.name], c) for c in columns}
    if any(a is None for a in arrays.values()):
        raise fault(path, layout)
    return arrays


def _parsed(path: Path, layout: Layout) -> pl.DataFrame:
    """One typed pass; a second one, by way of texts, where numbers may have blanks around them."""
    try:
        return parse(path, layout)
    except UNREADABLE as error:
        cause = error
    try:
        return parse(path, layout, blanks=True)
    except UNREADABLE:
        raise fault(path, layout, cause) from None


def _is_even(path: Path, layout: Layout) -> bool:
    """Whether every line has all fields: the fast reader fills up a line with too few."""
    found = quoting(path, layout.separator, len(layout.names), header=layout.header)
    return found.even and (layout.quoted == found.quoted or not has_quotes(path))


def read_where(
    path: Path, columns: Sequence[Column], *, column: str, low: int, high: int, separator: str
) -> dict[str, np.ndarray]:
    """Reads the rows of a text table without header whose `column` lies in [low, high).

    The file is read in a stream, so that it need not fit in memory.

    Returns:
      name -> int64 [E], float64 [E] or object [E] of str.

    Raises:
      JaxrecError: as `read_columns`, also for what is wrong in the other rows; or there are no such rows.
    """
    layout = Layout(columns, [c.name for c in columns], separator, header=False, quoted=False)
    schema = {c.name: DTYPES[c.kind] for c in columns}
    require_file(path)
    try:
        rows = pl.scan_csv(path, has_header=False, separator=separator, quote_char=None, schema=schema)
        inside = pl.col(column).is_between(low, high, closed="left")
        faulty = pl.any_horizontal(pl.all().is_null())
        frame = rows.filter(inside | faulty).collect(engine="streaming")
    except UNREADABLE as error:
        raise fault(path, layout, error) from None
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    if blank.any():  # at the end of the file they mean nothing
        if message := first_fault(path, layout):
            raise JaxrecError(message)
        frame = frame.filter(~blank)
    arrays = {c.name: checked(frame[c.name], c) for c in columns}
    if any(a is None for a in arrays.values()):
        raise fault(path, layout)
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows with {column} from {low} to {high}; choose another range")
    return arrays


def column_names(path: Path, separator: str = ",") -> list[str]:
    """The names in the first line of a text table, in order. Raises: JaxrecError where there is no readable file."""
    return next(split_lines(require_file(path), separator, quoted=True), (1, []))[1]

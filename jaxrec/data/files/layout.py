"""How a text table is laid out, and one typed pass over it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.fields import Column, one_line

DTYPES = {int: pl.Int64, float: pl.Float64, str: pl.String}
# PanicException: polars' own checks fail this way on some damaged files, and it is no polars error.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError)


class Layout(NamedTuple):
    """How a file is cut into fields.

    Attributes:
      columns: those to read. names: of all fields of a line, in order.
      separator: between two fields. header: whether the first line names the columns. quoted: whether a field may be in
        double quotes.
    """

    columns: Sequence[Column]
    names: list[str]
    separator: str
    header: bool
    quoted: bool


def check_header(path: Path, columns: Sequence[Column], names: Sequence[str]) -> None:
    """Raises JaxrecError where the file's header does not have each column exactly once."""
    for column in columns:
        if names.count(column.name) != 1:
            count = "more than one" if column.name in names else "no"
            listed = one_line(", ".join(name[:40] for name in names[:20]))
            raise JaxrecError(f"{path} has {count} column {column.name!r}; it has: {listed}{column.hint}")


def parse(source: Path | io.BytesIO, layout: Layout, *, blanks: bool = False) -> pl.DataFrame:
    """Reads a whole table at once, each column as its own type; blank lines at the end are dropped.

    Args:
      blanks: whether numbers may have blanks around them; that takes longer.

    Raises one of UNREADABLE where a line or a field does not suit the layout.
    """
    if blanks:
        texts = parse(source, layout._replace(columns=[dataclasses.replace(c, kind=str) for c in layout.columns]))
        numbers = [pl.col(c.name).str.strip_chars().cast(DTYPES[c.kind]) for c in layout.columns if c.kind is not str]
        return texts.with_columns(numbers)
    dtypes = {c.name: DTYPES[c.kind] for c in layout.columns}
    settings = {"separator": layout.separator[0], "quote_char": '"' if layout.quoted else None}
    if layout.header:
        # A line cut short has its first column at least, which tells it from a blank one, and not its last.
        ends = dict.fromkeys((layout.names[0], layout.names[-1]), pl.String)
        chosen = ends | dtypes
        frame = pl.read_csv(source, columns=list(chosen), schema_overrides=chosen, **settings)
    else:
        # polars separates at one character: between the two of `::` it finds a column that must be empty.
        gaps = len(layout.separator) - 1
        types = {name: dtypes.get(name, pl.String) for name in layout.names}
        schema = {n: t for name in types for n, t in [("gap " + name, pl.String)] * gaps + [(name, types[name])]}
        schema.pop("gap " + layout.names[0], None)
        frame = pl.read_csv(source, has_header=False, schema=schema, **settings)
        if any(frame[n].null_count() < len(frame) for n in schema if n not in types):
            raise ValueError(f"fields are not separated by {layout.separator!r}")
    full = np.flatnonzero(~frame.select(pl.all_horizontal(pl.all().is_null())).to_series().to_numpy())
    return frame[: full[-1] + 1 if len(full) else 0]


def checked(series: pl.Series, column: Column) -> np.ndarray | None:
    """The column as int64, float64 or object [E]; None where a value is missing, not finite or out of range."""
    if series.null_count():
        if not column.optional:
            return None
        series = series.fill_null("" if column.kind is str else 0)
    values = series.to_numpy()
    if column.kind is str:
        return values if column.optional or (series.str.strip_chars() != "").all() else None
    inside = (values >= column.low) & (values <= column.high)  # False for NaN
    return values if (inside & np.isfinite(values)).all() else None

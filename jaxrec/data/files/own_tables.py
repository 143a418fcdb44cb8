"""Tables of the user's own, text or Parquet: the columns asked for as they are written, and where each row stands.

A text is read in one pass of polars with all fields as texts; what they mean is decided by whole columns (`own_values`,
`times`). Python looks at lines one by one only to name the first one at fault.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files import parquet, usual_names
from jaxrec.data.files.containers import is_parquet, plain_copy
from jaxrec.data.files.faults import first_fault
from jaxrec.data.files.fields import REMEDY, Column
from jaxrec.data.files.layout import UNREADABLE, Layout
from jaxrec.data.files.quoting import has_quotes, quoting
from jaxrec.data.files.separators import cut, first_line, guessed, others
from jaxrec.data.files.usual_names import Wanted

_ONE_CHARACTER = "\x1f"  # stands for a separator of two
_BLOCK = 1 << 20  # bytes
_NUMBER = re.compile(r"\s*[+-]?[0-9.,]+\s*")


class Written(NamedTuple):
    """How a file is written.

    Attributes:
      separator: one character or `::`; None where it is to be guessed.
      columns: the names of all fields of a line, where the file has no header; empty where it has one.
      encoding: of the text. decimal: the point of its numbers, '.' or ','.
    """

    separator: str | None = None
    columns: Sequence[str] = ()
    encoding: str = "utf-8"
    decimal: str = "."


class Table(NamedTuple):
    """The columns asked for.

    Attributes:
      path: the file, for messages.
      columns: option -> the column, [E]; texts, and of a Parquet file any type.
      names: option -> the file's own name of the column.
      first: the line (the row of a Parquet file) of row 0.
      lines: of each row its line int64 [E], for messages; None where row n is line n + `first`.
      is_parquet: whether it is a Parquet file.
      all_names: the file's own names of all its columns.
    """

    path: Path
    columns: dict[str, pl.Series]
    names: dict[str, str]
    first: int
    lines: np.ndarray | None = None
    is_parquet: bool = False
    all_names: Sequence[str] = ()

    def fault(self, row: int, complaint: str) -> JaxrecError:
        """The error to raise about a row, counted from 0."""
        place, remedy = ("row", "mend that row") if self.is_parquet else ("line", REMEDY)
        return JaxrecError(f"{self.path} {place} {self.line(row)}: {complaint}; {remedy}")

    def line(self, row: int) -> int:
        """The line of a row that is counted from 0."""
        return int(row + self.first if self.lines is None else self.lines[row])


def read(path: Path, written: Written, wanted: Sequence[Wanted]) -> Table:
    """Reads the columns that are asked for; one that the file need not have, and has not, is left out.

    Raises:
      JaxrecError: the file is missing or damaged, or lacks a column; names the line and what to do.
    """
    with plain_copy(path, written.encoding) as copy:
        if is_parquet(copy):
            return _of_parquet(path, copy, wanted)
        line = first_line(copy)
        separator = written.separator or guessed(line, _usual_separator(path), len(written.columns) or None)
        with _cut_at_one_character(copy, separator) as (table, character):
            return _of_text(path, table, line.replace(separator, character), character, written, wanted)


def _usual_separator(path: Path) -> str:
    return "\t" if ".tsv" in [suffix.lower() for suffix in path.suffixes[-2:]] else ","


def _of_parquet(path: Path, copy: Path, wanted: Sequence[Wanted]) -> Table:
    every = parquet.column_names(copy)
    names = _chosen(path, every, wanted)
    frame = parquet.read(copy, list(names.values()))
    columns = {option: _plain(path, option, frame[name]) for option, name in names.items()}
    return Table(path, columns, names, first=1, is_parquet=True, all_names=every)


def _plain(path: Path, option: str, series: pl.Series) -> pl.Series:
    """A column of a Parquet file as numbers, texts or times, and categories as lists too. Raises: JaxrecError where it
    holds anything else."""
    unsigned = series.dtype == pl.UInt64 and (series >= 2**63).any()
    if unsigned or series.dtype in (pl.Categorical, pl.Enum):
        return series.cast(pl.String)
    nested = series.dtype.is_nested() and not (option == "category" and series.dtype == pl.List)
    if nested or series.dtype in (pl.Binary, pl.Object):
        raise JaxrecError(f"{path} column {series.name!r} holds {series.dtype}; write it as numbers or texts")
    return series


def _of_text(path: Path, copy: Path, line: str, separator: str, written: Written, wanted: Sequence[Wanted]) -> Table:
    header = not written.columns
    names = cut(line, separator) if header else list(written.columns)
    advice = _advice(line, names, separator, header)
    if not header and len(set(cut(line, separator)) & {*names, *(w.name for w in wanted)}) > 1:
        raise JaxrecError(f"{path} line 1 names the columns itself: leave columns out")
    try:
        chosen = _chosen(path, names, wanted)
    except JaxrecError as error:
        raise JaxrecError(f"{error}{advice}") from None
    found = quoting(copy, separator, len(names), header=header)
    layout = Layout([Column(n, str, optional=True) for n in chosen.values()], names, separator, header, found.quoted)
    frame, decoded = _parsed(copy, layout, _places(names, chosen)) if found.even else (None, True)
    if frame is None:
        fault = first_fault(copy, layout) or f"{path} cannot be read; fetch it again"
        raise JaxrecError(fault.replace(str(copy), str(path)) + advice + _quotes_advice(copy, found.quoted))
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows; fetch the file again")
    columns = {option: frame[str(names.index(name))] for option, name in chosen.items()}
    if not found.quoted and has_quotes(copy):
        columns = {option: _without_quotes(series) for option, series in columns.items()}
    table = Table(path, columns, chosen, first=1 + header, lines=found.lines, all_names=names)
    if not decoded:
        _refuse_undecoded(table)
    return table


def _advice(line: str, names: Sequence[str], separator: str, header: bool) -> str:
    """What may be wrong with a file whose lines or columns are not as expected."""
    elsewhere = [s for s in others(line) if s != separator and len(cut(line, s)) > len(names)]
    if elsewhere:
        return f"; its first line has {elsewhere[0]!r} in it: set separator={elsewhere[0]!r}"
    if header and any(names) and all(map(_NUMBER.fullmatch, names)):
        return (
            "; its first line looks like a row: where there is no header, name all fields in their order by columns, "
            "as columns=('user', 'item', 'rating', 'timestamp')"
        )
    return ""


def _quotes_advice(copy: Path, quoted: bool) -> str:
    if quoted or not has_quotes(copy):
        return ""
    return " (quotes are read as characters, for not all of them stand around a whole field; inside one, write two)"


def _refuse_undecoded(table: Table) -> None:
    """Raises JaxrecError at the first field of the columns asked for that is no UTF-8 text."""
    faulty = {option: series.str.contains("\ufffd", literal=True) for option, series in table.columns.items()}
    rows = [int(mask.arg_max()) for mask in faulty.values() if mask.any()]
    if rows:
        raise table.fault(min(rows), "not UTF-8 text (if the file is in another encoding, set encoding='latin-1')")


def _without_quotes(series: pl.Series) -> pl.Series:
    """Takes the quotes off fields that wholly stand in them."""
    return series.str.replace(r'^"(.*)"$', "$1").str.replace_all('""', '"', literal=True)


@contextmanager
def _cut_at_one_character(path: Path, separator: str) -> Iterator[tuple[Path, str]]:
    """Yields (a text, the one character that separates its fields), for polars separates at one character."""
    if len(separator) == 1:
        yield path, separator
        return
    with tempfile.TemporaryDirectory(prefix="jaxrec-") as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as source, copy.open("xb") as sink:
            while block := source.read(_BLOCK) + source.readline():
                sink.write(block.replace(separator.encode(), _ONE_CHARACTER.encode()))
        yield copy, _ONE_CHARACTER


def _chosen(path: Path, names: Sequence[str], wanted: Sequence[Wanted]) -> dict[str, str]:
    """Option -> the file's own name of the column that it asks for."""
    taken = [w.name for w in wanted if w.name != w.option]
    found = {w.option: usual_names.find(path, names, w, taken) for w in wanted}
    return {option: name for option, name in found.items() if name is not None}


def _places(names: Sequence[str], chosen: dict[str, str]) -> list[int]:
    """The columns to read: two at least, for a line of one empty field is no row."""
    return sorted({names.index(name) for name in chosen.values()} | {0, len(names) - 1})


def _parsed(path: Path, layout: Layout, places: list[int]) -> tuple[pl.DataFrame | None, bool]:
    """Reads the columns at these places, all as texts.

    Returns:
      (each column called by its place, without blank lines at the end, None where they cannot be read; whether all of
      the file is UTF-8, which matters in the columns asked for alone).
    """
    settings = {"separator": layout.separator, "quote_char": '"' if layout.quoted else None}
    settings |= {"has_header": False, "skip_lines": int(layout.header), "columns": places}
    schema = {str(place): pl.String for place in range(len(layout.names))}
    for encoding in ("utf8", "utf8-lossy"):
        try:
            frame = pl.read_csv(path, schema=schema, encoding=encoding, **settings)
        except pl.exceptions.NoDataError:
            return pl.DataFrame(), True
        except UNREADABLE:
            continue
        full = (~frame.select(pl.all_horizontal(pl.all().is_null())).to_series()).arg_true()
        return frame[: full[-1] + 1 if len(full) else 0], encoding == "utf8"
    return None, True

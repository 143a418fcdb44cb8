"""Small text files read line by line: side tables, matrices, and the line at fault of a large table."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.fields import REMEDY, Column, one_line, parse_number, require_file


def split_lines(
    path: Path,
    separator: str | None,
    *,
    quoted: bool = False,
    encoding: str = "utf-8-sig",
    start: tuple[int, int] = (0, 0),
) -> Iterator[tuple[int, list[str]]]:
    """Yields (line number, fields) of each line; slow, for thousands of lines.

    Args:
      separator: between two fields; None splits at any run of blanks.
      quoted: whether fields may be in double quotes. Such a field may span lines; the number is then its last line's.
      start: (bytes, lines) at the beginning of the file to leave out.

    Raises:
      JaxrecError: names the line that is not text in this encoding.
    """
    offset, number = start
    try:
        with path.open(encoding=encoding, newline="" if quoted else "\n") as file:
            file.seek(offset)
            if quoted:
                reader = csv.reader(file, delimiter=separator)
                for fields in reader:
                    number = start[1] + reader.line_num
                    yield number, fields
            else:
                for number, line in enumerate(file, start[1] + 1):
                    yield number, line.rstrip("\r\n").split(separator)
    except UnicodeDecodeError:
        name = encoding.removesuffix("-sig").upper()
        raise JaxrecError(f"{path} line {undecodable(path, encoding)}: not {name} text; {REMEDY}") from None
    except csv.Error as error:
        raise JaxrecError(f"{path} line {number + 1}: {one_line(error)}; {REMEDY}") from None
    except OSError as error:
        raise JaxrecError(f"{path} cannot be read ({one_line(error)})") from None


def undecodable(path: Path, encoding: str) -> int:
    """The number of the first line that is not text in this encoding: files are decoded in blocks, which hide it."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
    return 1


def side_table(path: Path, separator: str, count: int, *, encoding: str = "utf-8-sig") -> list[tuple[int, list[str]]]:
    """Reads a small table: (line number, fields) of each line, blank lines at the end left out.

    Raises:
      JaxrecError: names the first line that has not exactly `count` fields.
    """
    rows = list(split_lines(require_file(path), separator, encoding=encoding))
    while rows and rows[-1][1] == [""]:
        rows.pop()
    for line, fields in rows:
        if len(fields) != count:
            raise JaxrecError(f"{path} line {line}: {len(fields)} fields where {count} are expected; {REMEDY}")
    if not rows:
        raise JaxrecError(f"{path} has no rows; fetch the file again")
    return rows


def csv_records(path: Path, names: tuple[str, ...]) -> list[tuple[int, list[str]]]:
    """Reads a small quoted CSV file with a header: (line number, fields of the named columns) of each record.

    Raises:
      JaxrecError: a column is missing, or a line has another number of fields than the header.
    """
    rows = [r for r in split_lines(require_file(path), ",", quoted=True) if r[1]]
    header = rows.pop(0)[1] if rows else []
    for name in names:
        if name not in header:
            raise JaxrecError(f"{path} has no column {name!r}; it has: {one_line(', '.join(header[:20]))}")
    for line, fields in rows:
        if len(fields) != len(header):
            raise JaxrecError(f"{path} line {line}: {len(fields)} fields where {len(header)} are expected; {REMEDY}")
    if not rows:
        raise JaxrecError(f"{path} has no rows; fetch the file again")
    columns = [header.index(name) for name in names]
    return [(line, [fields[column] for column in columns]) for line, fields in rows]


def sorted_ids(
    path: Path, rows: list[tuple[int, list[str]]], name: str, *, low: float = -math.inf, high: float = math.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Reads the ids in the first field of a side table's rows.

    Returns:
      (the ids, int64 and sorted; the order of the rows that sorts them).

    Raises:
      JaxrecError: an id is no integer in [low, high], or comes twice.
    """
    column = Column(name, int, low, high)
    ids = np.array([parse_number(path, line, fields[0], column) for line, fields in rows], np.int64)
    order = np.argsort(ids, kind="stable")
    repeated = np.flatnonzero(np.diff(ids[order]) == 0)
    if len(repeated):
        line = rows[order[repeated[0] + 1]][0]
        raise JaxrecError(f"{path} line {line}: {name} {ids[order[repeated[0]]]} is listed a second time; {REMEDY}")
    return ids[order], order


def matrix(path: Path, *, low: int, high: int) -> np.ndarray:
    """Reads a matrix of integers in [low, high], one row a line, separated by blanks.

    Returns:
      int64 [rows, columns].

    Raises:
      JaxrecError: names the first line with another number of fields, or a number out of range.
    """
    rows = [r for r in split_lines(require_file(path), None) if r[1]]
    if not rows:
        raise JaxrecError(f"{path} has no rows; fetch the file again")
    for line, fields in rows:
        if len(fields) != len(rows[0][1]):
            expected = f"{len(rows[0][1])} are expected as in line {rows[0][0]}"
            raise JaxrecError(f"{path} line {line}: {len(fields)} fields where {expected}; {REMEDY}")
    try:
        values = np.array([fields for _, fields in rows]).astype(np.int64)
    except (ValueError, OverflowError):
        values = np.array([[low - 1]])
    if values.min() < low or values.max() > high:
        column = Column("value", int, low, high)
        for line, fields in rows:
            for text in fields:
                parse_number(path, line, text, column)
        raise JaxrecError(f"{path} holds something other than whole numbers; fetch the file again")
    return values

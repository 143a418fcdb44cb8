"""One field of a table: what a column may hold, and what is wrong with a field that it may not hold."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from pathlib import Path

from jaxrec.base.errors import JaxrecError

REMEDY = "mend that line or fetch the file again"
_KINDS = {int: "an integer", float: "a number"}
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Column:
    """One column to read.

    Attributes:
      name: as in the header, or our name for it where there is no header.
      kind: int, float or str. low, high: the closed range of its numbers.
      optional: whether fields may be empty; they are read as zero or the empty text.
      hint: what a user may do where the column is missing or not of its kind; follows what is wrong in messages.
    """

    name: str
    kind: type
    low: float = -math.inf
    high: float = math.inf
    optional: bool = False
    hint: str = ""


def one_line(text: object) -> str:
    """Puts any text on one line of at most 300 characters, safe to print on any terminal."""
    line = " ".join(str(text).split())[:300]
    return "".join(c if c.isprintable() else "?" for c in line)


def require_file(path: Path) -> Path:
    """Returns the path of a readable file that is not empty. Raises: JaxrecError says what is there instead."""
    if not path.is_file():
        raise JaxrecError(f"{path} is {'a folder' if path.is_dir() else 'missing'}; a file is expected there")
    if not os.access(path, os.R_OK):
        raise JaxrecError(f"{path} may not be read; change its permissions")
    if path.stat().st_size == 0:
        raise JaxrecError(f"{path} is empty; fetch the file again")
    return path


def field_fault(text: str, column: Column) -> str | None:
    """Says what is wrong with the text of one field; None where nothing is."""
    shown = f"{column.name} {one_line(text)[:40]!r}"
    if not text.strip():
        return None if column.optional else f"{column.name} is missing"
    if column.kind is str:
        return None
    try:
        value = int(text) if column.kind is int and _INTEGER.fullmatch(text) else float(text)
    except ValueError:
        return f"{shown} is not {_KINDS[column.kind]}{column.hint}"
    if column.kind is int and not isinstance(value, int):
        return f"{shown} is not an integer{column.hint}"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return f"{shown} does not fit in 64 bits"
    if not math.isfinite(value):
        return f"{shown} is not a finite number"
    if not column.low <= value <= column.high:
        return f"{shown} is out of range [{column.low:g}, {column.high:g}]"
    return None


def parse_number(path: Path, line: int, text: str, column: Column) -> int | float:
    """Reads one field as a number. Raises: JaxrecError names file, line and field."""
    if complaint := field_fault(text, column):
        raise JaxrecError(f"{path} line {line}: {complaint}; {REMEDY}")
    return column.kind(text)

"""What separates the fields of a text table, by its first line."""

from __future__ import annotations

import csv
import re
from pathlib import Path

USUAL = (",", "\t", ";", "|", "::")
_FIRST_LINE = 1 << 20  # bytes at most
_QUOTED = re.compile(r'"[^"]*"')


def first_line(path: Path) -> str:
    """The first line of a UTF-8 text, without its end; what is no text in it is replaced."""
    with path.open("rb") as file:
        return file.readline(_FIRST_LINE).decode("utf-8-sig", "replace").rstrip("\r\n")


def cut(line: str, separator: str) -> list[str]:
    """The fields of one line, which may be in double quotes."""
    if len(separator) > 1:
        return line.split(separator)
    return next(csv.reader([line], delimiter=separator), [])


def guessed(line: str, usual: str, count: int | None = None) -> str:
    """The separator of a table by its first line.

    Args:
      usual: what is taken where the line says nothing, or has it.
      count: the number of fields where it is known, of a table without header; the separator must make as many.
    """
    candidates = (usual, *(s for s in USUAL if s != usual))
    if count:
        return next((s for s in candidates if len(cut(line, s)) == count), usual)
    return next(iter(others(line, candidates)), usual)


def others(line: str, candidates: tuple[str, ...] = USUAL) -> list[str]:
    """The separators among the candidates that stand in a line outside of quotes."""
    unquoted = _QUOTED.sub("", line)
    return [s for s in candidates if s in unquoted]

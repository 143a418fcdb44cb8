"""Tables of one JSON object a line: one typed pass, and the first bad line where that fails."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.fields import REMEDY, Column, one_line, require_file
from jaxrec.data.files.layout import DTYPES, UNREADABLE
from jaxrec.data.files.lines import undecodable

_KINDS = {int: "an integer", float: "a number", str: "a text"}


def read_columns(path: Path, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Reads the named fields of every object; other fields are skipped.

    Returns:
      name -> int64 [E], float64 [E] or object [E] of str, rows as in the file.

    Raises:
      JaxrecError: names the file and its first bad line: no JSON object, a missing field, another kind, out of range.
    """
    require_file(path)
    try:
        frame = pl.read_ndjson(path, schema={c.name: DTYPES[c.kind] for c in columns})
        sound = not any(_is_faulty(path, frame[c.name], c) for c in columns)
    except UNREADABLE as error:
        raise JaxrecError(_first_fault(path, columns) or f"{path} cannot be read ({one_line(error)})") from None
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows; fetch the file again")
    if not sound:
        raise JaxrecError(_first_fault(path, columns) or f"{path} holds a field of another kind; fetch the file again")
    return {c.name: frame[c.name].to_numpy() for c in columns}


def json_objects(path: Path) -> list[tuple[int, dict]]:
    """Reads a small file: (line number, object) of each line. Raises: JaxrecError at a line that is no JSON object."""
    rows = []
    try:
        with require_file(path).open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                value = _object(line)
                if value is None:
                    raise JaxrecError(f"{path} line {number}: not a JSON object; {REMEDY}")
                rows.append((number, value))
    except UnicodeDecodeError:
        raise JaxrecError(f"{path} line {undecodable(path, 'utf-8')}: not UTF-8 text; {REMEDY}") from None
    return rows


def _object(line: str) -> dict | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_whole(text: str) -> bool:
    """Whether a text is Unicode: a JSON escape may be one half of a surrogate pair, which is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_faulty(path: Path, series: pl.Series, column: Column) -> bool:
    if series.null_count():
        return True
    if column.kind is str:
        # polars puts NUL for half a character, so that different ids become one.
        if (series.str.strip_chars() == "").any() or series.str.contains("\0", literal=True).any():
            return True
        other = series.str.contains(r"^(-?[0-9][0-9.eE+-]*|true|false|\[.*\]|\{.*\})$").arg_true()
        return not _are_texts(path, column.name, set(other.to_list()))
    return not bool((series.is_between(column.low, column.high)).all())


def _are_texts(path: Path, name: str, rows: set[int]) -> bool:
    """Whether the field is a text in all these rows: polars makes a text of anything."""
    if not rows:
        return True
    with path.open(encoding="utf-8") as file:
        lines = (line for line in file if line.strip())
        return all(isinstance((_object(line) or {}).get(name), str) for n, line in enumerate(lines) if n in rows)


def _first_fault(path: Path, columns: Sequence[Column]) -> str | None:
    try:
        rows = json_objects(path)
    except JaxrecError as error:
        return str(error)
    for line, fields in rows:
        for column in columns:
            if complaint := _complaint(fields.get(column.name), column):
                return f"{path} line {line}: {complaint}; {REMEDY}"
    return None


def _complaint(value: object, column: Column) -> str | None:
    shown = f"{column.name} {one_line(value)[:40]!r}"
    if value is None or value == "":
        return f"{column.name} is missing"
    if column.kind is str:
        if not isinstance(value, str) or not value.strip():
            return f"{shown} is not {_KINDS[str]}"
        return None if is_whole(value) and "\0" not in value else f"{shown} holds half a character or NUL"
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not (whole or (column.kind is float and isinstance(value, float) and math.isfinite(value))):
        return f"{shown} is not {_KINDS[column.kind]}"
    if not column.low <= value <= column.high:
        return f"{shown} is out of range [{column.low:g}, {column.high:g}]"
    return None

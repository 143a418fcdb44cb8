"""Whether the double quotes of a text table stand around fields, or are characters of their texts.

A quote that stands around a field opens it right after a separator or a line end and closes it right before one; inside
it a quote is written twice. People also write `5" disk` without quotes around it. A reader that takes this quote for an
opening one joins lines until it meets the next quote, and loses rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

_BLOCK = 1 << 20  # bytes
_QUOTE, _LINE_END, _RETURN = b'"'[0], b"\n"[0], b"\r"[0]


class Quoting(NamedTuple):
    """How the quotes of a text table are to be read.

    Attributes:
      quoted: whether they stand around fields; False where there are none, too.
      even: whether every row, as it is read then, has the number of fields asked for; blank lines at the end do not
        count.
      lines: int64 [E], of each row the line on which it ends, where a quoted field holds a line end; else None.
    """

    quoted: bool
    even: bool
    lines: np.ndarray | None = None


def has_quotes(path: Path) -> bool:
    """Whether there is a double quote anywhere in the file."""
    return any(b'"' in block for block in _blocks(path))


def quoting(path: Path, separator: str, fields: int, *, header: bool) -> Quoting:
    """Looks at every quote, separator and line end of a text table.

    Where quoted fields would hold line ends, and yet every line by itself has the right number of fields, the quotes
    are taken for characters: a field of several lines hardly ever has as many separators as a line on each of them.

    Args:
      separator: one character.
      fields: of each line.
      header: whether the first line names the columns; it is not looked at.
    """
    code = ord(separator)
    by_line = _Evenness(fields)
    if not has_quotes(path):
        for text, _ in _texts(path, header):
            by_line.add(text[np.flatnonzero((text == _LINE_END) | (text == code))] == _LINE_END)
        return Quoting(False, by_line.holds())
    marks = np.isin(np.arange(256), (_QUOTE, _LINE_END, code))
    by_row, regular, inside, before = _Evenness(fields), True, False, _LINE_END
    line_ends = []  # of every line, whether it lies within quotes
    for text, following in _texts(path, header):
        place = np.flatnonzero(marks[text])
        mark = text[place]
        quote, end = mark == _QUOTE, mark == _LINE_END
        within = (inside + np.cumsum(quote)) % 2 == 1  # after this character
        around = np.concatenate([[before], text, [following]]).astype(np.uint8)
        borders = around[np.append(place[quote & within], place[quote & ~within] + 2)]
        regular &= bool(np.isin(borders, (code, _LINE_END, _RETURN, _QUOTE)).all())
        by_line.add(end[~quote])
        by_row.add(end[~quote & ~within])
        line_ends.append(within[end])
        inside, before = bool((inside + quote.sum()) % 2), int(text[-1])
    within = np.concatenate([*line_ends, [inside]])
    if regular and not inside and not (within.any() and by_line.holds()):
        return Quoting(True, by_row.holds(), np.flatnonzero(~within) + 1 + header if within.any() else None)
    return Quoting(False, by_line.holds())


class _Evenness:
    """Whether every line has the same number of fields, from the separators and line ends in their order."""

    def __init__(self, fields: int):
        self._fields, self._left, self._even, self._empty = fields, 0, True, True

    def add(self, ends: np.ndarray) -> None:
        """Goes on with the next marks, bool [n]: True for a line end, False for a separator."""
        place, self._empty = np.flatnonzero(ends), False
        if len(place):
            self._even &= place[0] + self._left == self._fields - 1 and bool((np.diff(place) == self._fields).all())
            self._left = len(ends) - 1 - place[-1]
        else:
            self._left += len(ends)

    def holds(self) -> bool:
        """Whether it is so; the last line ends with the text."""
        return self._empty or bool(self._even and self._left == self._fields - 1)


def _texts(path: Path, header: bool) -> Iterator[tuple[np.ndarray, int]]:
    """Yields each block of the table, uint8 [n], and the character that follows it."""
    held = None
    for number, block in enumerate(_blocks(path)):
        start = 0
        if number == 0:
            start = len(block.partition(b"\n")[0]) + 1 if header else 3 * block.startswith(b"\xef\xbb\xbf")
        text = np.frombuffer(block, np.uint8)[start:]
        if held is not None and len(text):
            yield held, int(text[0])
        held = text if len(text) else held
    if held is not None:
        yield held, _LINE_END


def _blocks(path: Path) -> Iterator[bytes]:
    """The file's bytes without the line ends that it closes with: blank lines there mean nothing."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(size - _BLOCK, 0)
        file.seek(start)
        left = start + len(file.read().rstrip(b"\r\n"))
        file.seek(0)
        while left and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            yield block

"""The first line at fault of a text table that the typed pass could not read.

The file is read again, in blocks up to the bad one and there line by line.
"""

from __future__ import annotations

import io
from pathlib import Path

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.fields import REMEDY, field_fault, one_line
from jaxrec.data.files.layout import UNREADABLE, Layout, checked, parse
from jaxrec.data.files.lines import split_lines

_BLOCK = 1 << 20  # bytes


def fault(path: Path, layout: Layout, cause: object = "a value is missing") -> JaxrecError:
    """The error to raise about a file that cannot be read.

    It names the first bad line, or repeats the reader's own complaint, `cause`, where every line looks sound.
    """
    found = first_fault(path, layout)
    return JaxrecError(found or f"{path} cannot be read ({one_line(cause)}); fetch the file again")


def first_fault(path: Path, layout: Layout) -> str | None:
    """Finds the first bad line and says what is wrong with it and what to do; None where all are sound."""
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
                if complaint := field_fault(fields[place], column):
                    return f"{path} line {number}: {complaint}; {REMEDY}"
    except JaxrecError as error:
        return str(error)
    return None


def _sound_prefix(path: Path, layout: Layout) -> tuple[int, int]:
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


def _is_sound(block: bytes, layout: Layout) -> bool:
    try:
        frame = parse(io.BytesIO(block), layout)
    except UNREADABLE:
        return False
    whole = len(frame) == block.count(b"\n") + (not block.endswith(b"\n")) - layout.header
    cut = frame[layout.names[-1]].null_count()  # a line with too few fields is filled up
    return bool(whole and not cut and all(checked(frame[c.name], c) is not None for c in layout.columns))

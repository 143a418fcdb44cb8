"""Docstrings as reStructuredText: their paragraphs stay plain text, `names` become code, and Args become a list.

The docstrings of jaxrec are plain English with shapes and formulas (`a*`, `|u|`, `h(s_t)`), which reStructuredText
would read as markup. Everything but `code` is therefore escaped, indented blocks are shown as they stand, and the
headings Args, Returns, Raises and Attributes open a list of what follows them.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

_HEADING = re.compile(r"^(Args|Returns|Raises|Attributes|Yields):$")
_ENTRY = re.compile(r"^([\w`*', .]{1,60}?): (.*)$", re.S)
_CODE = re.compile(r"(``?)([^`]+)\1")


def as_rst(lines: Iterable[str]) -> list[str]:
    """Returns the lines of a docstring as lines of reStructuredText."""
    made: list[str] = []
    for block in re.split(r"\n\s*\n", textwrap.dedent("\n".join(lines)).strip("\n")):
        for heading, part in _sections(block):
            made += _list(heading, part) if heading else _paragraph(part)
    return made


def _sections(block: str) -> Iterable[tuple[str, str]]:
    """Parts a block at its headings: ('', text before) and (heading, what is indented under it)."""
    heading, part = "", []
    for line in block.splitlines():
        found = _HEADING.match(line)
        ends = heading and line and not line.startswith(" ")
        if found or ends:
            if part:
                yield heading, "\n".join(part)
            heading, part = (found[1], []) if found else ("", [line])
        else:
            part.append(line)
    if part:
        yield heading, "\n".join(part)


def _paragraph(text: str) -> list[str]:
    """A paragraph, escaped; lines that are indented, or a list with a hanging indent, as they stand."""
    lines = text.splitlines()
    if any(line.startswith(" ") for line in lines):
        return ["::", "", *(f"   {line}" for line in textwrap.dedent(text).splitlines()), ""]
    return [*map(escape, lines), ""]


def _list(heading: str, text: str) -> list[str]:
    """The entries under a heading, one bullet each; a line that is indented deeper goes on with its entry."""
    entries: list[str] = []
    for line in textwrap.dedent(text).splitlines():
        if entries and line.startswith(" "):
            entries[-1] += " " + line.strip()
        elif line.strip():
            entries.append(line.strip())
    made = [f"**{heading}**", ""]
    for entry in entries:
        named = _ENTRY.match(entry)
        made.append(f"* **{escape(named[1])}**: {escape(named[2])}" if named else f"* {escape(entry)}")
    return [*made, ""]


def escape(text: str) -> str:
    """The text with its `code` as literals and everything that reStructuredText would read as markup escaped."""
    made, end = [], 0
    for code in _CODE.finditer(text):
        made += [_plain(text[end : code.start()]), f"\\ ``{code[2]}``\\ "]
        end = code.end()
    return "".join([*made, _plain(text[end:])]).strip()


def _plain(text: str) -> str:
    return re.sub(r"([\\*_|`<>])", r"\\\1", text)

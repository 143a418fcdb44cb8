"""The repository's Markdown: its pages, code blocks, links and numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.conftest import REPOSITORY

PAGES = sorted(
    path
    for folder, pattern in ((".", "*.md"), ("docs", "*.md"), ("results", "*.md"), ("benchmarks", "*.md"))
    for path in (REPOSITORY / folder).glob(pattern)
)
GENERATED = ("equations.md", "experiments.md")  # by docs/pages.py, from docstrings
_FENCE = re.compile(r"(?:^<!-- ([\w: -]+) -->\n)?^```(\w*)\n(.*?)^```$", re.M | re.S)
_TABLE = re.compile(r"<!-- table:[\w:./-]+ -->\n.*?<!-- /table -->", re.S)


class Block(NamedTuple):
    """A fenced block of code, with the marker in the line before it, or ''."""

    page: Path
    marker: str
    language: str
    code: str


def name(page: Path) -> str:
    """The page's path below the repository."""
    return page.relative_to(REPOSITORY).as_posix()


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page."""
    return [Block(page, marker, language, code) for marker, language, code in _FENCE.findall(page.read_text())]


def prose(page: Path) -> str:
    """The page without blocks of code, `code` and tables that are made from results."""
    text = _FENCE.sub("", _TABLE.sub("", page.read_text()))
    return re.sub(r"`[^`\n]*`", "", text)


def made_tables(page: Path) -> str:
    """What a page has between its table markers."""
    return "\n".join(_TABLE.findall(page.read_text()))


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub names them."""
    text = _FENCE.sub("", page.read_text())
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    """Targets of the links and pictures of a page, without those to the web."""
    text = _FENCE.sub("", page.read_text())
    return sorted(set(re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)))

"""The documentation names no number that no committed result, and no paper's table, holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from benchmarks import table
from tests.conftest import REPOSITORY
from tests.docs import documents

PAGES = [REPOSITORY / "README.md", REPOSITORY / "results" / "README.md"]
PAGES += [page for page in sorted((REPOSITORY / "docs").glob("*.md")) if page.name not in documents.GENERATED]
# Versions and sections of papers, which nobody measured.
NO_MEASUREMENTS = {
    "README.md": {"3.11", "4.1", "3.3"},  # of Python, sections of M
    "results/README.md": {"3.3"},  # a section of M
    "docs/environments.md": {"4.1"},  # a section of M
    "docs/glossary.md": {"4.4.3", "5.4.3"},  # sections of T
}
WITH_TABLES = {page for pages in table.paths() for page in pages}
_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?:\.\d+)?(?![\w.]*\d)")


def _scalars(value) -> Iterator[float]:
    """Every number in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _scalars(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def _held(page) -> list[float]:
    """The numbers that a page's tables show, where they are made from committed results."""
    made = page.with_suffix(".json").exists()
    text = page.read_text() if made else documents.made_tables(page)
    return [float(number) for number in _NUMBER.findall(text) if number.count(".") == 1]


@pytest.fixture(scope="module")
def everywhere() -> list[float]:
    """The numbers of every made table and every paper's table."""
    found = [number for page in WITH_TABLES for number in _held(page)]
    for path in (REPOSITORY / "published").glob("*.json"):
        found += _scalars(json.loads(path.read_text()))
    return found


def _is_held(number: str, held: list[float]) -> bool:
    """Whether one of the numbers, rounded as the one that is written, is that one."""
    digits = len(number.partition(".")[2])
    return any(f"{abs(value):.{digits}f}" == number for value in held)


@pytest.mark.parametrize("page", PAGES, ids=documents.name)
def test_every_number_is_in_a_committed_result(page, everywhere):
    """A paragraph or row that links to tables is held to those; any other one to all there are."""
    allowed = NO_MEASUREMENTS.get(documents.name(page), set())
    for part in re.split(r"\n\n|\n(?=[|*])", documents.prose(page)):
        linked = re.findall(r"\]\(([\w./-]+\.md)", part)
        tables = [page.parent / target for target in linked if (page.parent / target) in WITH_TABLES]
        held = [number for target in tables for number in _held(target)] or everywhere
        # A paper's number stands beside ours wherever its table is named.
        held = held + (everywhere if "published/" in part or not tables else [])
        for number in _NUMBER.findall(part):
            assert number in allowed or _is_held(number, held), f"{number} in: {part.strip()[:200]}"


def test_a_number_that_nobody_measured_is_found():
    assert _is_held("0.50", [0.4961]) and _is_held("24.8", [24.794])
    assert not _is_held("0.51", [0.4961]) and not _is_held("24.9", [24.794])

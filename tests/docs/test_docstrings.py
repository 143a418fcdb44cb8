"""Docstrings as reStructuredText: nothing in them is read as markup but code, headings and indented blocks."""

from __future__ import annotations

from tests.docs.generators import docstrings


def test_formulas_are_escaped_and_code_is_code():
    made = docstrings.as_rst(["|u|^2 of `R_` times a* in word_."])
    assert made == [r"\|u\|^2 of \ ``R_``\  times a\* in word\_.", ""]


def test_headings_become_lists():
    made = docstrings.as_rst(
        ["A sum.", "", "Args:", "  mask: bool [T],", "    a prefix.", "  key: one key.", "", "Same unit."]
    )
    assert made[:3] == ["A sum.", "", "**Args**"]
    assert "* **mask**: bool [T], a prefix." in made and "* **key**: one key." in made and made[-2] == "Same unit."


def test_a_heading_inside_a_paragraph_ends_with_its_indent():
    made = docstrings.as_rst(["Raises:", "  JaxrecError: no such file.", "Then more."])
    assert "* **JaxrecError**: no such file." in made and made[-2] == "Then more."


def test_an_indented_block_stays_as_it_is():
    made = docstrings.as_rst(["Commands:", "", "    python -m x --y=*", ""])
    assert made[2:] == ["::", "", "   python -m x --y=*", ""]

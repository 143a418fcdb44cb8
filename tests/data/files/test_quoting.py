"""Quotes of text tables, against Python's csv module and against lines cut at separators."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from jaxrec.data.files import quoting


@pytest.mark.parametrize("block", [7, 11, 1 << 20])
def test_regular_quotes_are_read_as_python_does(tmp_path, monkeypatch, block):
    monkeypatch.setattr(quoting, "_BLOCK", block)
    rng = np.random.default_rng(0)
    words = ["a", "b c", 'say ""', "tea, green", "two\nlines", '"', "", "x\r\ny"]
    for _ in range(20):
        rows = [[words[k] for k in rng.integers(0, len(words), 3)] for _ in range(6)]
        rows[0][0] = 'quoted, "always"'
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([["h"] * 3, *rows])
        path = tmp_path / "t.csv"
        path.write_bytes(text.getvalue().encode() + b"\n")
        found = quoting.quoting(path, ",", 3, header=True)
        assert found.quoted and found.even
        ends = np.cumsum([1 + sum(field.count("\n") for field in row) for row in rows]) + 1
        if found.lines is None:
            assert ends.tolist() == list(range(2, 8))
        else:
            assert found.lines.tolist() == ends.tolist()


@pytest.mark.parametrize("block", [4, 1 << 20])
@pytest.mark.parametrize(
    ("body", "quoted", "even"),
    [
        ("1,2\n3,4\n\n\n", False, True),
        ("1,2\n3\n", False, False),
        ("1,2,3\n4\n", False, False),
        ("1,2\n\n3,4\n", False, False),
        ('1,5" disk\n3,4\n', False, True),
        ('1,"\n3,"\n', False, True),
        ('1,"a"\n3,4', True, True),
        ('1,"a"x\n3,4', False, True),
        ('1,"a,b"\n3\n', True, False),
        ('1,"a\n3,4\n', False, True),
        ("", False, True),
    ],
)
def test_whether_quotes_stand_around_fields(tmp_path, monkeypatch, block, body, quoted, even):
    monkeypatch.setattr(quoting, "_BLOCK", block)
    path = tmp_path / "t.csv"
    path.write_bytes(body.encode())
    found = quoting.quoting(path, ",", 2, header=False)
    assert (found.quoted, found.even) == (quoted, even)

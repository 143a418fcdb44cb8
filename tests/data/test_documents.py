"""Documents from files and from items."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data.documents import item_documents, read_documents


def test_files_are_read_line_by_line(tmp_path):
    (tmp_path / "a.txt").write_text(" = Heading = \n\n one two \n")
    (tmp_path / "b.txt").write_text("three\n")
    assert read_documents([tmp_path / "a.txt", tmp_path / "b.txt"]) == ["= Heading =", "one two", "three"]
    with pytest.raises(JaxrecError, match="c.txt cannot be read"):
        read_documents([tmp_path / "c.txt"])
    (tmp_path / "d.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(JaxrecError, match="d.txt is not UTF-8"):
        read_documents([tmp_path / "d.txt"])
    (tmp_path / "e.txt").write_text("\n \n")
    with pytest.raises(JaxrecError, match="there is no text in .*e.txt"):
        read_documents([tmp_path / "e.txt"])


def test_items_and_the_held_out_ones():
    empty = np.zeros(0, np.int32)
    features = {"text": np.array([f"item {i}" for i in range(12)], object)}
    log = Interactions(empty, empty, empty, empty, empty, np.arange(1), np.arange(12), item_features=features)
    train, held = item_documents(log, every=5)
    assert held == ["item 0", "item 5", "item 10"] and len(train) == 9 and not set(train) & set(held)
    with pytest.raises(JaxrecError, match="have no text; set data.options.text"):
        item_documents(Interactions(empty, empty, empty, empty, empty, np.arange(1), np.arange(12)))
    with pytest.raises(JaxrecError, match="have no text"):
        item_documents(dataclasses.replace(log, item_features={"text": np.full(12, "", object)}))

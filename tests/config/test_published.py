"""The papers' numbers as data: every file is whole, and what the configs show is what stands in them."""

from __future__ import annotations

import json

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.config import published

NAMES = sorted(path.stem for path in published.FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_names_its_source_and_has_whole_rows(name):
    table = published.load(name)
    assert table.source and table.columns and all(table.rows.values())


def test_a_row_is_read_by_dataset_and_name():
    table = published.load("thesis_table_4_3")
    values = dict(zip(table.columns, table.rows["yoochoose"]["modt4r"], strict=True))
    assert table.source == "Thesis T, table 4.3" and (values["HR@10"], values["R@20"]) == (0.4417, 43.37)


def test_counts_say_where_they_stand():
    assert published.counts("thesis_table_5_2", "album") == {
        "source": "T table 5.2", "users": 14_341, "sessions": 115_225, "items": 129_273, "events": 1_051_698,
    }  # fmt: skip
    assert "seem exchanged" in published.counts("thesis_table_4_2", "yoochoose")["source"]
    assert published.counts("thesis_table_4_2", "lfm_1b")["source"] == "T table 4.2"


def test_mistakes_are_named(tmp_path, monkeypatch):
    with pytest.raises(JaxrecError, match="no published table .*nothing.json; choose one of .*'thesis_table_4_3'"):
        published.load("nothing")
    short = {"source": "S", "columns": ["a", "b"], "rows": {"data": {"row": [1.0]}}}
    (tmp_path / "short.json").write_text(json.dumps(short))
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    with pytest.raises(JaxrecError, match="row 'row' of 'data' has 1 numbers, not 2"):
        published.load("short")

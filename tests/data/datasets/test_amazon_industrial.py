from __future__ import annotations

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import datasets
from tests.data import writers

REVIEWS = [("A2", "B7", 5.0, 1_400_000_000), ("A1", "B7", 2.0, 1_300_000_000), ("A2", "B1", 4.0, 1_400_000_001)]
ITEMS = [
    {"asin": "B7", "title": "Hex\nbolt", "brand": "Stanley", "category": ["Fasteners", "Bolts"], "description": ["S."]},
    {"asin": "B7", "title": "listed again"},
    {"asin": "B9", "title": "never reviewed"},
]


def test_reads_reviews_and_what_is_told_of_the_items(tmp_path):
    writers.amazon_industrial(tmp_path, REVIEWS, ITEMS)
    data = datasets.load("amazon_industrial", tmp_path, check=False)
    assert data.user_ids.tolist() == ["A1", "A2"] and data.item_ids.tolist() == ["B1", "B7"]
    assert data.user.tolist() == [1, 0, 1] and data.feedback.tolist() == [5, 2, 4]
    assert data.item_features["title"].tolist() == ["", "Hex bolt"]
    assert data.item_features["category"].tolist() == ["", "Fasteners > Bolts"]
    assert data.item_features["text"].tolist() == ["", "Hex bolt. Stanley. Fasteners > Bolts. S"]
    with pytest.raises(JaxrecError, match="2 users where 11041 are expected"):
        datasets.load("amazon_industrial", tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("Industrial", '"overall": 2.0', '"overall": 7.0', r"5.json line 2: overall '7.0' is out of range \[1, 5\]"),
        ("Industrial", '"overall": 2.0', '"overall": "two"', "5.json line 2: overall 'two' is not a number"),
        ("Industrial", '"asin": "B1"', '"isbn": "B1"', "5.json line 3: asin is missing"),
        ("Industrial", '"verified": true}\n', '"verified": ', "5.json line 1: not a JSON object"),
        ("Industrial", '"asin": "B1"', '"asin": 12', "5.json line 3: asin '12' is not a text"),
        ("Industrial", '"asin": "B1"', '"asin": "B\\ud801"', "5.json line 3: asin 'B.' holds half a character"),
        ("Industrial", '"asin": "B1"', '"by": {"asin": "B"}, "asin": 12', "5.json line 3: asin '12' is not a text"),
        (
            "meta",
            '"asin": "B7", "title": "listed',
            '"asin": "B1", "title": "\\ud801listed',
            "meta_.*json line 2: title '.listed again' holds half",
        ),
        ("meta", '"asin": "B9"', '"asin": ""', "meta_.*json line 3: asin is missing"),
        ("meta", '["Fasteners", "Bolts"]', "[1, 2]", "meta_.*json line 1: category '1' is not a text"),
        ("meta", '{"asin": "B9"', '"asin": "B9"', "meta_.*json line 3: not a JSON object"),
    ],
)
def test_names_what_is_damaged(tmp_path, file, old, new, complaint):
    writers.amazon_industrial(tmp_path, REVIEWS, ITEMS, compress=False)
    path = next((tmp_path / "amazon_industrial").glob(f"{file}*"))
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("amazon_industrial", tmp_path, check=False)


@pytest.mark.parametrize("file", ["Industrial", "meta"])
def test_the_line_that_is_not_utf8_is_named(tmp_path, file):
    writers.amazon_industrial(tmp_path, REVIEWS, ITEMS, compress=False)
    path = next((tmp_path / "amazon_industrial").glob(f"{file}*"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1].replace(b'"asin": "', b'"asin": "\xff'), lines[2]]))
    with pytest.raises(JaxrecError, match="json line 2: not UTF-8 text"):
        datasets.load("amazon_industrial", tmp_path, check=False)


def test_what_nobody_asked_for_may_be_damaged(tmp_path):
    writers.amazon_industrial(tmp_path, REVIEWS, ITEMS, compress=False)
    for file, old in (("Industrial", '"verified": true'), ("meta", '"title": "never reviewed"')):
        path = next((tmp_path / "amazon_industrial").glob(f"{file}*"))
        path.write_text(path.read_text().replace(old, '"other": "\\ud801"', 1))
    assert datasets.load("amazon_industrial", tmp_path, check=False).num_items == 2


def test_ids_may_be_digits_in_quotes(tmp_path):
    writers.amazon_industrial(tmp_path, [("A1", "0012", 5.0, 1), ("A2", "B1", 5.0, 2)], ITEMS)
    assert datasets.load("amazon_industrial", tmp_path, check=False).item_ids.tolist() == ["0012", "B1"]


def test_the_real_files_hold_the_counts_of_their_readme(data_root):
    data = datasets.load("amazon_industrial", data_root, check=False)
    assert (len(data), data.num_users, data.num_items) == (58_492, 8_317, 4_344)
    told = {name: sum(bool(t) for t in data.item_features[name]) for name in ("title", "brand", "category")}
    assert told == {"title": 4_344, "brand": 4_332, "category": 4_213}
    assert data.item_features["text"][0].startswith("SUPCO SPP6 Relay/Capacitor Hard Start Kit with 500% Increase")

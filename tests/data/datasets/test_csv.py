from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN
from jaxrec.data import datasets

TEXT = "user,item,rating,timestamp\n9000000000,3,4.5,100\n-1,5,2,101.9\n9000000000,5,0.5,99\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(TEXT)
    return path


def load(path, **options):
    return datasets.load("csv", path=path, **options)


def test_reads_the_default_columns(file):
    data = load(file)
    assert data.user_ids.tolist() == [-1, 9000000000]  # ids beyond 32 bits become dense indices
    assert data.user.tolist() == [1, 0, 1] and data.item.tolist() == [0, 1, 1]
    assert data.feedback.tolist() == [4.5, 2, 0.5] and data.time.tolist() == [100, 101, 99]
    assert (data.split == TRAIN).all()
    assert (data.user.dtype, data.feedback.dtype, data.time.dtype) == (np.int32, np.float32, np.int64)


def test_reads_other_names_texts_separators_and_units(tmp_path):
    path = tmp_path / "log.tsv"
    path.write_text('when\twho\twhat\n1500\tann\t"tea, green"\n2500\tbob\tcoffee\n')
    data = load(
        "log.tsv", root=tmp_path, user="who", item="what", rating=None, timestamp="when", ids="text", time_unit="ms"
    )
    assert data.user_ids.tolist() == ["ann", "bob"] and data.item_ids.tolist() == ["coffee", "tea, green"]
    assert data.item.tolist() == [1, 0] and data.feedback.tolist() == [1, 1] and data.time.tolist() == [1, 2]


def test_times_are_optional(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user;item;rating\n1;2;3\n2;1;3\n")
    assert load(path, separator=";").time.tolist() == [0, 0]
    with pytest.raises(JaxrecError, match="has no column 'when'"):
        load(path, separator=";", timestamp="when")


def test_reads_parquet_of_other_types(tmp_path):
    path = tmp_path / "log.parquet"
    frame = {"user": pl.Series([5, 6, 5], dtype=pl.UInt32), "item": ["1", "2", "2"], "rating": [1, 2, 3]}
    pl.DataFrame(frame).write_parquet(path)
    data = load(path)
    assert data.user.tolist() == [0, 1, 0] and data.item.tolist() == [0, 1, 1] and data.feedback.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"user": [1, 2], "item": [1, 2]}, "has no column 'rating'; it has: user, item"),
        ({"user": [1, None], "item": [1, 2], "rating": [1.0, 2.0]}, "row 2: user is missing"),
        ({"user": [1, 2], "item": [1, 2], "rating": [1.0, float("nan")]}, "row 2: rating 'nan' is not a finite number"),
        ({"user": [1, 2], "item": [1, 2], "rating": ["a", "b"]}, "cannot be read as Parquet.*conversion"),
        ({"user": [1.5, 2.0], "item": [1, 2], "rating": [1.0, 2.0]}, "'user' holds numbers that are no integers"),
        ({"user": [], "item": [], "rating": []}, "has no rows"),
        ({"user": [1, 1], "item": [2, 2], "rating": [1, 2]}, "line 2: user 1 has item 2 a second time|one user only"),
    ],
)
def test_refuses_damaged_parquet(tmp_path, columns, complaint):
    pl.DataFrame(columns).write_parquet(tmp_path / "log.parquet")
    with pytest.raises(JaxrecError, match=complaint):
        load(tmp_path / "log.parquet")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "log.csv is empty"),
        ("user,item,rating\n", "log.csv has no rows"),
        ("user,item\n1,2\n", "has no column 'rating'; it has: user, item"),
        ("user,item,rating,user\n1,2,3,4\n", "has more than one column 'user'"),
        ("user,item,rating\n1,2,3\n1,2\n", "line 3: 2 fields where 3 are expected"),
        ("user,item,rating\n1,2,3\n1,2,3,4\n", "line 3: 4 fields where 3 are expected"),
        ("user,item,rating\n1,2,3\nann,2,3\n", "line 3: user 'ann' is not an integer"),
        ("user,item,rating\n1,2,3\n1,2,inf\n", "line 3: rating 'inf' is not a finite number"),
        ("user,item,rating\n1,2,3\n1,2,1e39\n", "line 3: rating '1e39' is out of range"),
        ("user,item,rating\n1,2,3\n1,2,\n", "line 3: rating is missing"),
        ("user,item,rating\n1,2,3\n\n2,2,3\n", "line 3: the line is empty"),
        ("user,item,rating\n1,2,3\n2,1,3\n1,2,4\n", "line 4: user 1 has item 2 a second time"),
        ("user,item,rating\n1,2,3\n1,1,3\n", "one user only"),
        ("user,item,rating\n1,2,3\n2,2,3\n", "one item only"),
        ("user,item,rating,note\n1,2,3,x\n2,2\n", "line 3: 2 fields where 4 are expected"),
    ],
)
def test_names_what_is_damaged(tmp_path, text, complaint):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(JaxrecError, match=complaint):
        load(tmp_path / "log.csv")


def test_damaged_utf8_is_named_by_its_line(file):
    file.write_bytes(b"user,item,rating\na,b,1\nc,\xff,1\n")
    with pytest.raises(JaxrecError, match="line 3: not UTF-8 text"):
        load(file, ids="text")


def test_blank_lines_at_the_end_and_windows_line_ends_are_fine(file):
    file.write_bytes((TEXT + "\n\n").replace("\n", "\r\n").encode("utf-8-sig"))
    assert load(file).feedback.tolist() == [4.5, 2, 0.5]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"ids": "uuid"}, "no ids 'uuid'; choose one of auto, integer, text"),
        ({"time_unit": "min"}, "no time_unit 'min'"),
        ({"duplicates": "drop"}, "no duplicates 'drop'; choose one of refuse, keep"),
        ({"user": "item"}, "a column of its own"),
        ({"separator": "::"}, "cannot separate at '::'"),
        (
            {"rating_range": 5},
            "data.options.rating_range is 5: set it to two finite numbers",
        ),
        ({"rating_range": (1, 5)}, r"line 4: rating '0.5' is out of range \[1, 5\]"),
    ],
)
def test_options_are_checked(file, options, complaint):
    with pytest.raises(JaxrecError, match=complaint):
        load(file, **options)


def test_repeated_events_are_kept_on_request(file):
    file.write_text("user,item,rating\n1,2,3\n2,1,3\n1,2,4\n")
    assert load(file, duplicates="keep").feedback.tolist() == [3, 3, 4]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_ids_are_words_where_the_first_row_has_words(tmp_path, suffix):
    path = tmp_path / f"log{suffix}"
    rows = {"user": ["u34", "u5"], "item": ["3", "4"], "rating": [1.0, 2.0]}
    pl.DataFrame(rows).write_parquet(path) if suffix == ".parquet" else pl.DataFrame(rows).write_csv(path)
    assert load(path).user_ids.tolist() == ["u34", "u5"] and load(path).item_ids.tolist() == ["3", "4"]
    complaint = (
        "conversion" if suffix == ".parquet" else r"'u34' is not an integer \(if ids are words, set ids='text'\)"
    )
    with pytest.raises(JaxrecError, match=complaint):
        load(path, ids="integer")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("user,item\n1,2\n", "no ratings, set rating=''"),
        ("user,item,rating,timestamp\n1,2,3,2020-01-01\n", "times are numbers: seconds since 1970"),
    ],
)
def test_what_to_set_where_a_column_is_not_as_expected(file, text, hint):
    file.write_text(text)
    with pytest.raises(JaxrecError, match=hint):
        load(file)


def test_a_missing_file_is_named(tmp_path, monkeypatch):
    with pytest.raises(
        JaxrecError, match="needs the file to read: name it by path, or --config.data.options.path=FILE"
    ):
        datasets.load("csv")
    with pytest.raises(JaxrecError, match=r"none\.csv is missing"):
        load(tmp_path / "none.csv")
    with pytest.raises(JaxrecError, match="is a folder"):
        load(tmp_path)
    (tmp_path / "mine.csv").write_text(TEXT)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(JaxrecError, match="may not be read"):
        load(tmp_path / "mine.csv")

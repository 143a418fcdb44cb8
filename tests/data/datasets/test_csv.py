from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile

import numpy as np
import polars as pl
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION
from jaxrec.data import datasets
from jaxrec.data.files import own_tables

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
        ({"user": [1, 2], "item": [1, 2], "rating": ["a", "b"]}, "row 1: rating 'a' is not a number"),
        ({"user": [1.5, 2.0], "item": [1, 2], "rating": [1.0, 2.0]}, "row 1: user '1.5' is not an integer"),
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
        ("user,item,rating\n1,2,3\nann,2,x\n", "line 3: rating 'x' is not a number"),
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
        ({"duplicates": "drop"}, "no duplicates 'drop'; choose one of refuse, keep, last, mean"),
        ({"user": "item"}, "a column of its own"),
        ({"separator": "=>"}, "cannot separate at '=>'"),
        ({"encoding": "klingon"}, "no encoding 'klingon'; try utf-8"),
        ({"decimal": ";"}, "no decimal ';'; choose one of"),
        ({"columns": ()}, "data.options.columns is"),
        ({"user": ""}, "needs a column of users and one of items"),
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


def test_repeated_events_are_kept_or_settled_on_request(file):
    file.write_text("user,item,rating,timestamp\n1,2,3,9\n2,1,3,5\n1,2,4,8\n1,1,1,7\n")
    assert load(file, duplicates="keep").feedback.tolist() == [3, 3, 4, 1]
    last, mean = (load(file, duplicates=rule) for rule in ("last", "mean"))
    assert last.feedback.tolist() == [3, 3, 1] and last.time.tolist() == [9, 5, 7], "the latest, not the lowest line"
    assert mean.feedback.tolist() == [3.5, 3, 1] and mean.time.tolist() == [9, 5, 7]


def events(log):
    """(user, item, feedback, time, split) of each event, by the file's own ids."""
    columns = log.user_ids[log.user], log.item_ids[log.item], log.feedback, log.time, log.split
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        # Names: case, blanks and underscores mean nothing.
        ("User,Item,Rating,Timestamp\n1,20,3,60\n2,10,5,120\n", {"user": "User"}, [(1, 20, 3, 60), (2, 10, 5, 120)]),
        ("userId,movieId,stars,ts\n1,20,3,60\n2,10,5,9\n", {}, [(1, 20, 3, 60), (2, 10, 5, 9)]),
        ("visitor id, ASIN ,Score,Date\n1,a,3,60\n2,b,5,9\n", {}, [("1", "a", 3, 60), ("2", "b", 5, 9)]),
        ("user,item,rating,date,timestamp\n1,2,3,x,9\n2,1,3,y,8\n", {}, [(1, 2, 3, 9), (2, 1, 3, 8)]),
        # Ids: whole numbers only where all are written so.
        ("user,item,rating\n007,10,4\n7,20,3\n2,10,5\n", {}, [("007", "10", 4), ("7", "20", 3), ("2", "10", 5)]),
        ("user,item,rating\n1,10,4\nann,20,3\n", {}, [("1", "10", 4), ("ann", "20", 3)]),
        ("user,item,rating\n007,1,4\n7,2,3\n2,1,5\n", {"ids": "integer"}, [(7, 1, 4), (7, 2, 3), (2, 1, 5)]),
        # Quotes.
        ('user,item,rating\na,5" disk,4\nb,x,3\n', {"ids": "text"}, [("a", '5" disk', 4), ("b", "x", 3)]),
        ('user,item,rating,title\n1,10,4,5" disk\n2,20,3,x\n', {}, [(1, 10, 4), (2, 20, 3)]),
        (
            'user,item,title,rating\n0,1,p,1\n5,12,",3\n2,16,"x",2\n6,20,5" disk,1\n',
            {},
            [(0, 1, 1), (5, 12, 3), (2, 16, 2), (6, 20, 1)],
        ),
        ('user,item,title,rating\n1,2,",3\n2,3,",2\n3,3,x,1\n', {}, [(1, 2, 3), (2, 3, 2), (3, 3, 1)]),
        ('"user","item","rating"\r\n"a","x, ""y""","1"\r\n"b","z","2"\r\n', {}, [("a", 'x, "y"', 1), ("b", "z", 2)]),
        ('user,item,rating,note\n1,2,3,"two\nlines"\n2,1,4,b\n', {}, [(1, 2, 3), (2, 1, 4)]),
        # Blanks, line ends, separators, decimals, encodings.
        ("user,item,rating\n1,10,4 \n 2 ,20, 3\n", {}, [(1, 10, 4), (2, 20, 3)]),
        ("user,item,rating\r1,10,4\r2,20,3\r", {}, [(1, 10, 4), (2, 20, 3)]),
        ("user\titem\trating\n1\t10\t4\n2\t20\t3\n", {}, [(1, 10, 4), (2, 20, 3)]),
        ("user\titem\trating\n1\t10\t4\n2\t20\t3\n", {"separator": r"\t"}, [(1, 10, 4), (2, 20, 3)]),
        ("user|item|rating\n1|10|4\n2|20|3\n", {}, [(1, 10, 4), (2, 20, 3)]),
        ("user::item::rating\n1::10::4\n2::20::3\n", {}, [(1, 10, 4), (2, 20, 3)]),
        ("\ufeffuser;item;rating\r\n1;10;4,5\r\n2;20;,5\r\n", {"decimal": ","}, [(1, 10, 4.5), (2, 20, 0.5)]),
        ("user;item;rating\né;10;4\nb;20;3\n", {"encoding": "latin-1"}, [("é", "10", 4), ("b", "20", 3)]),
        # Without header, without ratings.
        (
            "1::10::4::5\n2::20::3::6\n",
            {"columns": ("user", "item", "rating", "timestamp")},
            [(1, 10, 4, 5), (2, 20, 3, 6)],
        ),
        ("\ufeff 1 \t10\tx\n2\t20\ty\n", {"columns": ("user", "item", "x"), "rating": None}, [(1, 10, 1), (2, 20, 1)]),
        ("user,item\n1,10\n2,20\n", {"rating": ""}, [(1, 10, 1), (2, 20, 1)]),
        ("user,item\n1,10\n2,20\n", {"rating": "None"}, [(1, 10, 1), (2, 20, 1)]),
        # Splits.
        (
            "user,item,rating,timestamp,fold\n1,10,4,0,Train\n2,20,3,0, TEST\n3,10,1,0,Valid\n",
            {"split": "fold"},
            [(1, 10, 4, 0, 0), (2, 20, 3, 0, 2), (3, 10, 1, 0, 1)],
        ),
        ("user,item,rating,s\n1,10,4,0\n1,10,3,2\n2,20,1,1\n", {"split": "s"}, [(1, 10, 4), (1, 10, 3), (2, 20, 1)]),
    ],
)
def test_files_are_read_as_people_write_them(tmp_path, text, options, expected):
    path = tmp_path / "log.csv"
    path.write_bytes(text.encode(options.get("encoding", "utf-8")))
    width = len(expected[0])
    assert [event[:width] for event in events(load(path, **options))] == expected


def test_packed_and_otherwise_encoded_files(tmp_path, file):
    expected = events(load(file))
    packed = {"log.csv.gz": gzip.compress, "log.TSV.bz2": bz2.compress, "log.xz": lzma.compress}
    for name, compress in packed.items():
        (tmp_path / name).write_bytes(compress(TEXT.encode()))
        assert events(load(tmp_path / name)) == expected
    (tmp_path / "wide.csv").write_bytes(TEXT.encode("utf-16"))
    (tmp_path / "LOG.TSV").write_text(TEXT.replace(",", "\t"))
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        archive.writestr("inner/ratings.csv", TEXT)
    pl.read_csv(file).write_parquet(tmp_path / "log.PQ")
    for name in ("wide.csv", "LOG.TSV", "log.zip", "log.PQ"):
        assert events(load(tmp_path / name)) == expected, name


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], "is damaged or cut short .*; fetch the file again"),
        (lzma.compress(TEXT.encode())[:-9], "is damaged or cut short"),
        (b"PK\x03\x04 and then nothing", "is damaged or cut short"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it"),
        (b"\xd0\xcf\x11\xe0", "is an Excel workbook .*save its sheet as CSV"),
        (b'{"user": 1}\n', "is JSON; write its table as CSV or Parquet"),
        (b"PAR1 and then nothing", "cannot be read as Parquet"),
        ("user,item,rating\na,b,1\n\xe9,c,2\n".encode("latin-1"), "line 3: not UTF-8 text .*set encoding='latin-1'"),
    ],
)
def test_a_file_that_is_no_table_is_one_line(tmp_path, content, complaint):
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(JaxrecError, match=f"log.csv {complaint}") as caught:
        load(tmp_path / "log.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["a.csv", "b.csv"], r"is a zip archive of 2 files \(a.csv, b.csv\); unpack it"),
        (["[Content_Types].xml", "xl/workbook.xml"], "is an Excel workbook"),
    ],
)
def test_a_zip_of_more_than_a_table_is_refused(tmp_path, names, complaint):
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        for name in names:
            archive.writestr(name, TEXT)
    with pytest.raises(JaxrecError, match=complaint):
        load(tmp_path / "log.zip")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("uid,user_id,item,rating\n1,2,3,4\n", "several columns that may be 'user': uid, user_id; say which, by user="),
        ("user,item,rating,date,time\n1,2,3,4,5\n", "may be 'timestamp': date, time; .*all it has: user, item, rating"),
        ('user,item,rating\n1,5" a, b,2\n2,1,3\n', "line 2: 4 fields where 3 .*quotes are read as characters"),
        ('user,item,rating,note\n1,2,3,"two\nlines"\n2,x,?,b\n', "line 4: rating '\\?' is not a number"),
        ("user,item,rating\n1,2,1_000\n2,1,3\n", "line 2: rating '1_000' is not a number"),
    ],
)
def test_what_is_ambiguous_is_not_guessed(tmp_path, text, complaint):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(JaxrecError, match=complaint):
        load(tmp_path / "log.csv")


SHORT = "1,10,4,a\n2,11,3\n"


@pytest.mark.parametrize(
    ("text", "options", "complaint"),
    [
        (SHORT, {"columns": ("user", "item", "rating", "x")}, "line 2: 3 fields where 4 are expected"),
        ("1::10::4::9\n2::11::3\n", {"columns": ("user", "item", "rating", "x")}, "line 2: 3 fields where 4"),
        (TEXT, {"columns": ("user", "item", "rating", "timestamp")}, "line 1 names the columns itself: leave columns"),
        (TEXT, {"encoding": "hex"}, "there is no encoding 'hex'; try utf-8"),
        (TEXT, {"encoding": "utf\0"}, "there is no encoding"),
        (TEXT, {"rating_range": (5, 1)}, "two finite numbers, the lowest first"),
        (TEXT, {"rating_range": (0, 1)}, "out of range .*rating_range is"),
        ("user;item;rating;name, full\n1;2;3;x\n", {"separator": ","}, "set separator=';'"),
        ("\n", {}, "has no column 'user'; it has: [^;]*$"),
        ("user,item,rating,split\n1,2,3,test\n2,3,4,test\n", {"split": "split"}, "every event is held out"),
    ],
)
def test_what_does_not_fit_an_option_names_it(tmp_path, text, options, complaint):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(JaxrecError, match=complaint):
        load(tmp_path / "log.csv", **options)


@pytest.mark.parametrize("name", ["click_time", "rating_timestamp", "updated_at", "reviewTime", "timestamp:float"])
def test_times_go_by_many_names(tmp_path, name):
    (tmp_path / "log.csv").write_text(f"user_id:token,item_id:token,Book-Rating,{name}\n1,2,3,100\n2,3,4,50\n")
    assert list(load(tmp_path / "log.csv").time) == [100, 50]


def test_parquet_columns_of_other_types(tmp_path):
    frame = pl.DataFrame({"user": ["a", "b"], "item": [1, 2], "rating": [1.0, 2.0]})
    frame.with_columns(pl.col("user").cast(pl.Categorical)).write_parquet(tmp_path / "words.parquet")
    assert list(load(tmp_path / "words.parquet").user_ids) == ["a", "b"]
    frame.with_columns(pl.lit(b"x").alias("item")).write_parquet(tmp_path / "bytes.parquet")
    with pytest.raises(JaxrecError, match="column 'item' holds Binary; write it as numbers or texts"):
        load(tmp_path / "bytes.parquet")
    frame.with_columns(pl.concat_list("item").alias("rating")).write_parquet(tmp_path / "lists.parquet")
    with pytest.raises(JaxrecError, match="column 'rating' holds List"):
        load(tmp_path / "lists.parquet")


def test_a_wrong_separator_is_refused_with_the_right_one(tmp_path):
    (tmp_path / "log.txt").write_text("user\titem\trating\n1\t10\t4\n")
    with pytest.raises(JaxrecError, match=r"its first line has '\\t' in it: set separator='\\t'"):
        load(tmp_path / "log.txt", separator=",")


def test_own_files_of_a_split(tmp_path, file):
    (tmp_path / "test.csv.gz").write_bytes(gzip.compress(b"user,item,rating,timestamp\n-1,7,1,5\n"))
    log = load("log.csv", root=tmp_path, test_path="test.csv.gz", validation_path=file)
    assert log.split.tolist() == [TRAIN] * 3 + [VALIDATION] * 3 + [TEST]
    assert events(log)[-1] == (-1, 7, 1.0, 5, TEST) and log.item_ids.tolist() == [3, 5, 7]
    (tmp_path / "words.csv").write_text("user,item,rating,timestamp\nann,7,1,5\n")
    assert load(file, test_path=tmp_path / "words.csv").user_ids.tolist() == ["-1", "9000000000", "ann"]


def test_titles_and_categories_beside_a_log(tmp_path, file):
    items = tmp_path / "items.csv"
    items.write_text("movieId,title,genres\n9,Other,Noir\n5,Heat,Drama|Action\n3,Toy Story, Comedy \n")
    log = load(file, items_path=items)
    assert log.item_ids.tolist() == [3, 5] and log.item_features["title"].tolist() == ["Toy Story", "Heat"]
    assert log.item_features["category"].tolist() == [[False, True, False], [True, False, True]]
    assert log.item_features["category_name"].tolist() == ["Comedy", "Drama|Action"]
    assert "title, category_name, category of 2 of the 2 items" in log.notes[-1]
    items.write_text("id\tname\n5\tHeat\n")
    assert load(file, items_path=items).item_features["title"].tolist() == ["", "Heat"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("code,title\n5,Heat\n", "no column 'item_id'; it has: code, title .*set item_id='NAME'"),
        ("id,year\n5,1995\n", "neither titles nor categories"),
        ("id,title\n5,Heat\n5,Heat\n", "line 3: item 5 is listed a second time"),
        ("id,title\n17,Heat\n", "lists none of the log's items"),
        ("id,title\nx,Heat\n", "line 2: id 'x' is not an integer"),
    ],
)
def test_item_tables_that_do_not_fit_are_named(tmp_path, file, text, complaint):
    (tmp_path / "items.csv").write_text(text)
    with pytest.raises(JaxrecError, match=rf"items.csv .*{complaint}|items.csv {complaint}"):
        load(file, items_path=tmp_path / "items.csv")


def test_no_sound_file_is_read_line_by_line(tmp_path, monkeypatch):
    """Line by line a million rows take ten times as long: empty fields, quotes and blanks are no reason for it."""
    monkeypatch.setattr(own_tables, "first_fault", lambda *_: pytest.fail("the slow path was taken"))
    path = tmp_path / "log.csv"
    for row in ("{},{},3,7,", ' {},{},3,7,"a, b"', '{},{}, 3 ,7,"two\nlines"', '{},{},3,7,5" disk'):
        rows = [row.format(n, n % 7) for n in range(50)]
        path.write_text("\n".join(["user,item,rating,timestamp,note", *rows, "", ""]))
        assert len(load(path)) == 50


def test_what_was_recognised_is_said(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("userId,item,rating,when\n1,2,3,4\nann,3,4,5\n")
    (note,) = load(path).notes
    assert note == (
        "log.csv: users are in column 'userId'; no column of times is known (if one of when "
        "holds times, set timestamp='NAME'), so events are in the order of the file; "
        "ids are read as texts, as not all of them are written as whole numbers."
    )
    path.write_text(TEXT)
    assert load(path).notes == ()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_ids_are_words_where_the_first_row_has_words(tmp_path, suffix):
    path = tmp_path / f"log{suffix}"
    rows = {"user": ["u34", "u5"], "item": ["3", "4"], "rating": [1.0, 2.0]}
    pl.DataFrame(rows).write_parquet(path) if suffix == ".parquet" else pl.DataFrame(rows).write_csv(path)
    assert load(path).user_ids.tolist() == ["u34", "u5"] and load(path).item_ids.tolist() == ["3", "4"]
    with pytest.raises(JaxrecError, match=r"'u34' is not an integer \(if ids are words, set ids='text'\)"):
        load(path, ids="integer")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("user,item\n1,2\n", "no ratings, set rating=''"),
        (
            "user,item,rating,timestamp\n1,2,3,noon\n",
            "times are numbers in the time_unit given, or dates as 2017-07-14",
        ),
        ("who,item,rating\n1,2,3\n", "it has: who, item, rating .*set user='NAME'"),
        ("user;item;rating\n1;2;4,5\n", "if the comma is a decimal point, set decimal=','"),
        ("1,2,3\n2,1,4\n", "its first line looks like a row: .* by columns"),
        ("user,item,rating\n1,2,3\n1,2,3\n2,1,3\n", "or set duplicates to 'keep', 'last' or 'mean'"),
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

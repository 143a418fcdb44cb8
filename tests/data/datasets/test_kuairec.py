from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN
from jaxrec.data import datasets, filters
from tests.data import writers

BIG = [(0, 3, 1.25, 1593878903.438), (7, 1, 0.5, 1593878904.0), (0, 3, 2.0, 1593878999.9)]
SMALL = [(7, 3, 0.0, None), (2, 0, 573.457, 1593880000.0)]
CATEGORIES = [(0, [8]), (1, [27, 9]), (2, [9]), (3, [2, 8, 0])]


@pytest.fixture
def root(tmp_path):
    writers.kuairec(tmp_path, BIG, SMALL, CATEGORIES)
    return tmp_path


def test_reads_both_matrices_and_the_categories(root):
    data = datasets.load("kuairec", root, check=False)
    assert data.user_ids.tolist() == [0, 2, 7] and data.item_ids.tolist() == [0, 1, 2, 3]
    assert data.user.tolist() == [0, 2, 0, 2, 1] and data.item.tolist() == [3, 1, 3, 3, 0]
    np.testing.assert_array_equal(data.feedback, np.float32([1.25, 0.5, 2.0, 0.0, 573.457]))
    assert data.time.tolist() == [1593878903, 1593878904, 1593878999, 0, 1593880000]
    assert data.split.tolist() == [TRAIN] * 3 + [TEST] * 2
    assert data.item_features["category"].shape == (4, 28)
    assert [np.flatnonzero(c).tolist() for c in data.item_features["category"]] == [[8], [9, 27], [9], [0, 2, 8]]


def test_the_observed_part_is_a_choice_of_users_and_items(root):
    part = filters.with_split(datasets.load("kuairec", root, check=False), TEST)
    assert part.user_ids.tolist() == [2, 7] and part.item_ids.tolist() == [0, 3]
    assert part.split.tolist() == [TEST, TEST]
    assert [np.flatnonzero(c).tolist() for c in part.item_features["category"]] == [[8], [0, 2, 8]]


def test_the_folder_may_keep_its_archive_name(tmp_path):
    writers.kuairec(tmp_path, BIG, SMALL, CATEGORIES, folder="KuaiRec 2.0")
    assert len(datasets.load("kuairec", tmp_path, check=False)) == 5


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("big_matrix", ",1.25\n", "\n", r"big_matrix.csv line 2: 7 fields where 8 are expected"),
        ("big_matrix", ",1.25\n", ",nan\n", r"big_matrix.csv line 2: watch_ratio 'nan' is not a finite number"),
        ("big_matrix", ",1.25\n", ",-1\n", r"big_matrix.csv line 2: watch_ratio '-1' is out of range"),
        (
            "big_matrix",
            "watch_ratio",
            "ratio",
            r"big_matrix.csv has no column 'watch_ratio'; it has: user_id, video_id",
        ),
        ("small_matrix", "\n7,", "\nu7,", r"small_matrix.csv line 2: user_id 'u7' is not an integer"),
        ("small_matrix", "\n7,3", "\n7,4", r"small_matrix.csv line 2: item 4 is not in the list of items"),
        ("item_categories", '"[9]"', '"[9, x]"', r"item_categories.csv line 4: category 'x' is not an integer"),
        ("item_categories", '"[9]"', '"[123456789]"', r"line 4: category '123456789' is out of range \[0, 999\]"),
        ("item_categories", '2,"[9]"', '1,"[9]"', r"item_categories.csv line 4: video_id 1 is listed a second time"),
    ],
)
def test_names_what_is_damaged(root, file, old, new, complaint):
    path = root / "KuaiRec" / "data" / f"{file}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("kuairec", root, check=False)


def test_the_official_counts_are_expected(root):
    with pytest.raises(JaxrecError, match="3 users where 7176.*2 items with test rows where 3327"):
        datasets.load("kuairec", root)

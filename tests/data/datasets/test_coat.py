from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN
from jaxrec.data import datasets
from tests.data import writers

TRAIN_RATINGS = [[0, 5, 0], [1, 0, 2]]
TEST_RATINGS = [[3, 0, 0], [0, 4, 0]]
USERS = [[1, 0], [0, 1]]
ITEMS = [[1], [0], [1]]


def test_reads_both_matrices_row_by_row(tmp_path):
    writers.coat(tmp_path, TRAIN_RATINGS, TEST_RATINGS, USERS, ITEMS)
    coat = datasets.load("coat", tmp_path, check=False)
    assert coat.user.tolist() == [0, 1, 1, 0, 1]
    assert coat.item.tolist() == [1, 0, 2, 0, 1]
    assert coat.feedback.tolist() == [5, 1, 2, 3, 4]
    assert coat.split.tolist() == [TRAIN] * 3 + [TEST] * 2
    assert not coat.time.any()
    assert coat.user_ids.tolist() == [0, 1] and coat.item_ids.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(coat.user_features["attributes"], np.array(USERS, bool))
    np.testing.assert_array_equal(coat.item_features["attributes"], np.array(ITEMS, bool))


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("train.ascii", "0 5 0\n1 6 2\n", r"train.ascii line 2: value '6' is out of range \[0, 5\]"),
        ("train.ascii", "0 5 0\n1 2\n", r"train.ascii line 2: 2 fields where 3 are expected"),
        ("train.ascii", "0 5 0\n1 x 2\n", r"train.ascii line 2: value 'x' is not an integer"),
        ("train.ascii", "0 5 0\n1 nan 2\n", r"train.ascii line 2: value 'nan' is not an integer"),
        ("train.ascii", "0 5 0\n1 -1 2\n", r"train.ascii line 2: value '-1' is out of range"),
        ("train.ascii", "0 5 0\n", r"train.ascii is \(1, 3\), test.ascii \(2, 3\)"),
        ("train.ascii", "0 0 0\n0 0 0\n", r"train.ascii has no interactions"),
        ("train.ascii", "", r"train.ascii is empty"),
        ("user_item_features/item_features.ascii", "1\n0\n", r"item_features.ascii has 2 rows for 3 items"),
        ("user_item_features/user_features.ascii", "1 0\n0 2\n", r"line 2: value '2' is out of range \[0, 1\]"),
    ],
)
def test_names_what_is_damaged(tmp_path, file, text, complaint):
    writers.coat(tmp_path, TRAIN_RATINGS, TEST_RATINGS, USERS, ITEMS)
    (tmp_path / "coat" / file).write_text(text)
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("coat", tmp_path, check=False)


@pytest.mark.parametrize("train", [[[1, 2, 3]], [[1], [2]]])
def test_refuses_one_user_or_one_item(tmp_path, train):
    ones = [[1]] * max(len(train), len(train[0]))
    writers.coat(tmp_path, train, train, ones[: len(train)], ones[: len(train[0])])
    with pytest.raises(JaxrecError, match="one (user|item) only"):
        datasets.load("coat", tmp_path, check=False)


def test_the_real_files_hold_the_published_counts(data_root):
    coat = datasets.load("coat", data_root)
    assert (coat.num_users, coat.num_items) == (290, 300)
    assert np.bincount(coat.split, minlength=3).tolist() == [6960, 0, 4640]
    assert (np.bincount(coat.user[coat.split == TRAIN]) == 24).all()
    assert (np.bincount(coat.user[coat.split == TEST]) == 16).all()
    assert coat.user_features["attributes"].shape == (290, 14)
    assert coat.item_features["attributes"].shape == (300, 33)
    # the first line of train.ascii begins its ratings with a 2 at column 72
    assert (coat.user[0], coat.item[0], coat.feedback[0]) == (0, 72, 2)

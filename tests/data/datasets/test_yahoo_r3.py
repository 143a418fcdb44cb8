from __future__ import annotations

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN
from jaxrec.data import datasets, filters
from tests.data import writers

LOG = [(1, 14, 5), (2, 35, 1), (3, 14, 3)]
RANDOM = [(1, 49, 1), (2, 14, 4)]


def test_reads_both_logs(tmp_path):
    writers.yahoo_r3(tmp_path, LOG, RANDOM)
    data = datasets.load("yahoo_r3", tmp_path, check=False)
    assert data.user_ids.tolist() == [1, 2, 3] and data.item_ids.tolist() == [14, 35, 49]
    assert data.user.tolist() == [0, 1, 2, 0, 1] and data.item.tolist() == [0, 1, 0, 2, 0]
    assert data.feedback.tolist() == [5, 1, 3, 1, 4]
    assert data.split.tolist() == [TRAIN] * 3 + [TEST] * 2
    tested = filters.with_split(data, TEST)
    assert tested.user_ids.tolist() == [1, 2] and tested.item_ids.tolist() == [14, 49]


@pytest.mark.parametrize(
    ("log", "complaint"),
    [
        ([(1, 14, 6), (2, 35, 1)], r"train.txt line 1: rating '6' is out of range"),
        ([(1, 14, 5), (2, 35, 1), (1, 14, 2)], r"train.txt line 3: user 1 has item 14 a second time"),
        ([(1, 14), (2, 35)], r"train.txt line 1: 2 fields where 3 are expected"),
        ([(1, 14, 5, 9)], r"train.txt line 1: 4 fields where 3 are expected"),
    ],
)
def test_names_what_is_damaged(tmp_path, log, complaint):
    writers.yahoo_r3(tmp_path, log, RANDOM)
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("yahoo_r3", tmp_path, check=False)


def test_the_official_counts_are_expected(tmp_path):
    writers.yahoo_r3(tmp_path, LOG, RANDOM)
    with pytest.raises(JaxrecError, match="2 test rows where 54000 are expected, 2 users with test rows where 5400"):
        datasets.load("yahoo_r3", tmp_path)

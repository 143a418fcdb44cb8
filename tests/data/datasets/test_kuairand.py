from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN
from jaxrec.data import datasets
from tests.data import writers

BEFORE = [(0, 2, 1, 1650485801301)]
DURING = [(1, 0, 0, 1650885801999)]
RANDOM = [(0, 1, 1, 1650985801301), (2, 2, 0, 1650985801302)]
TAGS = [(0, [12, 65]), (1, []), (2, [3])]


@pytest.fixture
def root(tmp_path):
    writers.kuairand(tmp_path, BEFORE, DURING, RANDOM, TAGS)
    return tmp_path


def test_reads_the_logs_and_the_tags(root):
    data = datasets.load("kuairand", root, check=False)
    assert data.user.tolist() == [0, 1, 0, 2] and data.item.tolist() == [2, 0, 1, 2]
    assert data.feedback.tolist() == [1, 0, 1, 0]
    assert data.time.tolist() == [1650485801, 1650885801, 1650985801, 1650985801]
    assert data.split.tolist() == [TRAIN, TRAIN, TEST, TEST]
    assert [np.flatnonzero(c).tolist() for c in data.item_features["category"]] == [[12, 65], [], [3]]


def test_options_choose_the_signal_and_the_weeks(root):
    data = datasets.load("kuairand", root, feedback="long_view", train="before", check=False)
    assert data.feedback.tolist() == [0, 0, 1]  # the writer makes long_view the opposite of is_click
    assert data.split.tolist() == [TRAIN, TEST, TEST]
    with pytest.raises(JaxrecError, match="no feedback 'is_clik'; choose one of is_click"):
        datasets.load("kuairand", root, feedback="is_clik")
    with pytest.raises(JaxrecError, match="no training logs 'after'"):
        datasets.load("kuairand", root, train="after")


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("log_random_4_22_to_5_08_pure", ",1\n", "\n", r"log_random\S* line 2: 18 fields where 19 are expected"),
        ("log_random_4_22_to_5_08_pure", "301,1,", "301,2,", r"line 2: is_click '2' is out of range \[0, 1\]"),
        ("log_random_4_22_to_5_08_pure", "\n0,1,", "\n0,9,", r"line 2: item 9 is not in the list of items"),
        ("video_features_basic_pure", '"12,65"', '"12,b"', r"video\S* line 2: category 'b' is not an integer"),
        ("video_features_basic_pure", '"12,65"', "12,65", r"video\S* line 2: 13 fields where 12 are expected"),
    ],
)
def test_names_what_is_damaged(root, file, old, new, complaint):
    path = root / "KuaiRand-Pure" / "data" / f"{file}.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("kuairand", root, check=False)


def test_the_official_counts_are_expected(root):
    with pytest.raises(JaxrecError, match="3 users where 27285.*2 training rows where 1436609"):
        datasets.load("kuairand", root)
    with pytest.raises(JaxrecError, match="3 items where 7583 are expected, 2 test rows where 1186059"):
        datasets.load("kuairand", root, train="before")

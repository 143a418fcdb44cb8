from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN
from jaxrec.data import datasets
from jaxrec.data.datasets import movielens_100k
from tests.data import writers

RATINGS = [(22, 7, 4, 881250949), (5, 9, 1, 891717742), (22, 9, 5, 881250949)]
USERS = [(5, 24, "M", "technician", "85711"), (22, 53, "F", "other", "T8H1N")]
ITEMS = [(9, "Misérables, Les (1995)", [8, 12]), (7, "Toy Story (1995)", [3, 4, 5])]


@pytest.fixture
def root(tmp_path):
    writers.movielens_100k(tmp_path, RATINGS, USERS, ITEMS)
    return tmp_path


def test_reads_ratings_users_and_films(root):
    data = datasets.load("movielens_100k", root, check=False)
    assert data.user_ids.tolist() == [5, 22] and data.item_ids.tolist() == [7, 9]
    assert data.user.tolist() == [1, 0, 1] and data.item.tolist() == [0, 1, 1]
    assert data.feedback.tolist() == [4, 1, 5]
    assert data.time.tolist() == [881250949, 891717742, 881250949]
    assert (data.split == TRAIN).all()
    assert data.user_features["age"].tolist() == [24, 53]
    assert data.user_features["zip_code"].tolist() == ["85711", "T8H1N"]
    assert data.item_features["title"].tolist() == ["Toy Story (1995)", "Misérables, Les (1995)"]
    named = [[movielens_100k.CATEGORIES[g] for g in np.flatnonzero(row)] for row in data.item_features["category"]]
    assert named == [["Animation", "Children's", "Comedy"], ["Drama", "Musical"]]


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("u.data", "22\t7\t4", "22\t7\t6", r"u.data line 1: rating '6' is out of range \[1, 5\]"),
        ("u.data", "5\t9\t1", "5\t9\t0.5", r"u.data line 2: rating '0.5' is not an integer"),
        ("u.data", "5\t9\t1\t", "5\t9\t1", r"u.data line 2: 3 fields where 4 are expected"),
        ("u.data", "5\t9\t1\t", "5\t9\t1\t\t", r"u.data line 2: 5 fields where 4 are expected"),
        ("u.data", "5\t9\t1", "\n5\t9\t1", r"u.data line 2: the line is empty"),
        ("u.data", "5\t9", "bob\t9", r"u.data line 2: user 'bob' is not an integer"),
        ("u.data", "5\t9", "5\tnan", r"u.data line 2: item 'nan' is not an integer"),
        ("u.data", "5\t9", "5\t99999999999999999999", r"u.data line 2: item '9+' does not fit in 64 bits"),
        ("u.data", "5\t9\t1", "5\t9\t", r"u.data line 2: rating is missing"),
        ("u.data", "5\t9", "22\t7", r"u.data line 2: user 22 has item 7 a second time"),
        ("u.data", "5\t9", "5\t8", r"u.data line 2: item 8 is not in the list of items"),
        ("u.data", "5\t9", "6\t9", r"u.data line 2: user 6 is not in the list of users"),
        ("u.user", "5|24", "5|old", r"u.user line 1: age 'old' is not an integer"),
        ("u.user", "22|53", "5|53", r"u.user line 2: user 5 is listed a second time"),
        ("u.item", "Toy Story", "Toy|Story", r"u.item line 2: 25 fields where 24 are expected"),
        ("u.item", "|0\n", "|2\n", r"u.item line 1: category flag '2' is out of range"),
    ],
)
def test_names_what_is_damaged(root, file, old, new, complaint):
    path = root / "ml-100k" / file
    text = path.read_text("latin-1")
    assert old in text
    path.write_text(text.replace(old, new, 1), "latin-1")
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("movielens_100k", root, check=False)


def test_a_truncated_official_file_is_told_from_the_whole_one(root):
    with pytest.raises(JaxrecError, match="2 users where 943 are expected.*download movielens_100k --root"):
        datasets.load("movielens_100k", root)


def test_the_real_files_hold_the_published_counts(data_root):
    data = datasets.load("movielens_100k", data_root)
    assert (data.num_users, data.num_items, len(data)) == (943, 1682, 100_000)
    assert data.user_ids.tolist() == list(range(1, 944))
    # the first line of u.data: 196, 242, 3, 881250949
    assert (data.user[0], data.item[0], data.feedback[0], data.time[0]) == (195, 241, 3, 881250949)
    assert data.item_features["title"][1004].startswith("Double vie de Véronique")
    assert np.bincount(data.feedback.astype(int)).tolist() == [0, 6110, 11370, 27145, 34174, 21201]

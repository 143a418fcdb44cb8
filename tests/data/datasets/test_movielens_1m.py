from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN
from jaxrec.data import datasets
from jaxrec.data.datasets import movielens_1m
from tests.data import writers

RATINGS = [(2, 4, 5, 978300760), (1, 1, 3, 978302109)]
USERS = [(1, "F", 1, 10, "48067"), (2, "M", 56, 16, "70072")]
ITEMS = [(1, "Star Wars: Episode IV (1977)", ["Action", "Sci-Fi"]), (4, "Cité, La (1995)", ["Drama"])]


@pytest.fixture
def root(tmp_path):
    writers.movielens_1m(tmp_path, RATINGS, USERS, ITEMS)
    return tmp_path


def test_reads_ratings_users_and_films(root):
    data = datasets.load("movielens_1m", root, check=False)
    assert data.user.tolist() == [1, 0] and data.item.tolist() == [3, 0]
    assert data.feedback.tolist() == [5, 3] and data.time.tolist() == [978300760, 978302109]
    assert (data.split == TRAIN).all()
    assert data.item_ids.tolist() == [1, 2, 3, 4]  # ids 2 and 3 are no film
    assert data.item_features["title"].tolist() == ["Star Wars: Episode IV (1977)", "", "", "Cité, La (1995)"]
    named = [[movielens_1m.CATEGORIES[g] for g in np.flatnonzero(row)] for row in data.item_features["category"]]
    assert named == [["Action", "Sci-Fi"], [], [], ["Drama"]]
    assert data.user_features["age"].tolist() == [1, 56]
    assert data.user_features["gender"].tolist() == ["F", "M"]
    assert data.user_features["occupation"].tolist() == ["10", "16"]


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("ratings.dat", "1::1::3", "1::1::9", r"ratings.dat line 2: rating '9' is out of range \[1, 5\]"),
        ("ratings.dat", "1::1::3", "1:x:1::3", r"ratings.dat line 2: 3 fields where 4 are expected"),
        ("ratings.dat", "1::1::3::", "1::1::3:", r"ratings.dat line 2: 3 fields where 4 are expected"),
        ("ratings.dat", "1::1::3::978302109\n", "1::1", r"ratings.dat line 2: 2 fields where 4 are expected"),
        ("ratings.dat", "1::1::3", "1::3::3", r"ratings.dat line 2: item 3 is not a film of movies.dat"),
        ("users.dat", "2::M", "2:M", r"users.dat line 2: 4 fields where 5 are expected"),
        ("movies.dat", "Drama", "Dramaa", r"movies.dat line 2: category 'Dramaa' is none of Action"),
        ("movies.dat", "4::C", "99999999999::C", r"movies.dat line 2: item '99999999999' is out of range"),
    ],
)
def test_names_what_is_damaged(root, file, old, new, complaint):
    path = root / "ml-1m" / file
    text = path.read_text("latin-1")
    assert old in text
    path.write_text(text.replace(old, new, 1), "latin-1")
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("movielens_1m", root, check=False)


def test_the_official_counts_are_expected(root):
    with pytest.raises(JaxrecError, match="2 users where 6040.*4 items where 3952.*2 training rows where 1000209"):
        datasets.load("movielens_1m", root)

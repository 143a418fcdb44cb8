from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import datasets
from tests.data import writers

EVENTS = [
    ("kabanossi", "GetMotivated", 1_482_748_000.0),
    ("kabanossi", "DIY", 1_482_747_000.0),
    ("null", "DIY", 1_482_749_000.0),
]


@pytest.fixture
def root(tmp_path):
    writers.reddit(tmp_path, EVENTS)
    return tmp_path


def test_reads_who_was_active_where_and_when(root):
    data = datasets.load("reddit", root, check=False)
    assert data.user_ids.tolist() == ["kabanossi", "null"] and data.item_ids.tolist() == ["DIY", "GetMotivated"]
    assert data.user.tolist() == [0, 0, 1] and data.item.tolist() == [1, 0, 0]
    assert data.time.tolist() == [1_482_748_000, 1_482_747_000, 1_482_749_000]
    np.testing.assert_array_equal(data.feedback, 1)
    assert datasets.load("reddit", root, check=False, start=1_482_748_000).time.tolist() == [
        1_482_748_000,
        1_482_749_000,
    ]
    with pytest.raises(JaxrecError, match="has one user only"):
        datasets.load("reddit", root, check=False, stop=1_482_749_000)
    with pytest.raises(JaxrecError, match="data.options.start is 'noon': set it to a finite number"):
        datasets.load("reddit", root, check=False, start="noon")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("DIY,1482747000.0", "DIY,noon", "reddit_data.csv line 3: utc 'noon' is not a number"),
        ("DIY,1482747000.0", "DIY,-5", "reddit_data.csv line 3: utc '-5' is out of range"),
        ("DIY,1482747000.0", "DIY", "reddit_data.csv line 3: 3 fields where 4 are expected"),
        ("subreddit", "community", "reddit_data.csv has no column 'subreddit'"),
    ],
)
def test_names_what_is_damaged(root, old, new, complaint):
    path = root / "reddit" / "reddit_data.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("reddit", root, check=False)


def test_a_part_and_an_empty_span_are_refused(root):
    with pytest.raises(JaxrecError, match="2 users where 22610 are expected"):
        datasets.load("reddit", root)
    with pytest.raises(JaxrecError, match="no events from None up to 5"):
        datasets.load("reddit", root, check=False, stop=5)

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import datasets
from tests.data import writers

EVENTS = [
    (257_597, 355_908, "view", 1_433_221_332_117),
    (992_329, 248_676, "addtocart", 1_433_224_214_164),
    (992_329, 355_908, "transaction", 1_433_224_214_999),
    (111_016, 318_965, "transaction", 1_433_221_827_000),
]


@pytest.fixture
def root(tmp_path):
    writers.retailrocket(tmp_path, EVENTS)
    return tmp_path


def test_reads_views_and_carts_and_leaves_out_transactions(root):
    data = datasets.load("retailrocket", root, check=False)
    assert data.user_ids.tolist() == [257_597, 992_329] and data.item_ids.tolist() == [248_676, 355_908]
    np.testing.assert_allclose(data.feedback, [0.2, 1.0])
    assert data.time.tolist() == [1_433_221_332, 1_433_224_214]
    everything = datasets.load("retailrocket", root, check=False, rewards=(1, 2, 3))
    assert everything.feedback.tolist() == [1, 2, 3, 3] and everything.num_users == 3


def test_events_of_one_second_are_in_order(tmp_path):
    last, first, second = 1_433_224_214_999, 1_433_224_214_000, 1_433_224_214_164
    writers.retailrocket(
        tmp_path, [(1, 12, "view", last), (2, 12, "view", 5), (1, 10, "addtocart", first), (1, 11, "view", second)]
    )
    data = datasets.load("retailrocket", tmp_path, check=False)
    assert data.item_ids[data.item].tolist() == [10, 12, 11, 12] and data.user.tolist() == [0, 1, 0, 0]
    np.testing.assert_allclose(data.feedback, [1.0, 0.2, 0.2, 0.2])


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("addtocart", "click", "events.csv line 3: event 'click' is none of view, addtocart, transaction"),
        ("1433221332117", "noon", "events.csv line 2: timestamp 'noon' is not an integer"),
        ("248676,\n", "248676\n", "events.csv line 3: 4 fields where 5 are expected"),
        ("248676,\n", "248676,,\n", "events.csv line 3: 6 fields where 5 are expected"),
        ("itemid", "item", "events.csv has no column 'itemid'"),
    ],
)
def test_names_what_is_damaged(root, old, new, complaint):
    path = root / "retailrocket" / "events.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(JaxrecError, match=complaint):
        datasets.load("retailrocket", root, check=False)


def test_a_part_and_rewards_for_nothing_are_refused(root):
    with pytest.raises(JaxrecError, match="3 users where 1407580 are expected"):
        datasets.load("retailrocket", root)
    with pytest.raises(JaxrecError, match="no events with a reward"):
        datasets.load("retailrocket", root, check=False, rewards=(None, None, None))
    with pytest.raises(JaxrecError, match="data.options.rewards is .*: set it to a number or None for each of"):
        datasets.load("retailrocket", root, check=False, rewards=(1.0, None))

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data import filters


def table(user, item, split=None, num_users=None, num_items=None) -> Interactions:
    user, item = np.array(user, np.int32), np.array(item, np.int32)
    num_users, num_items = num_users or user.max() + 1, num_items or item.max() + 1
    return Interactions(
        user=user,
        item=item,
        feedback=np.arange(len(user), dtype=np.float32),
        time=np.arange(len(user)) * 10,
        split=np.zeros(len(user), np.int8) if split is None else np.array(split, np.int8),
        user_ids=np.arange(num_users) + 100,
        item_ids=np.arange(num_items) + 200,
        user_features={"age": np.arange(num_users)},
        item_features={"title": np.array([f"t{i}" for i in range(num_items)], object)},
    )


def test_reindex_closes_gaps_and_takes_the_features_along():
    data = filters.reindex(table([3, 1, 3], [0, 4, 2], num_users=5, num_items=6))
    assert data.user.tolist() == [1, 0, 1] and data.item.tolist() == [0, 2, 1]
    assert data.user_ids.tolist() == [101, 103] and data.item_ids.tolist() == [200, 202, 204]
    assert data.user_features["age"].tolist() == [1, 3]
    assert data.item_features["title"].tolist() == ["t0", "t2", "t4"]
    assert data.feedback.tolist() == [0, 1, 2] and data.user.dtype == np.int32


def test_min_counts_is_one_pass():
    # item 2 has one row; without it user 1 has one row only, which one pass does not see
    data = filters.min_counts(table([0, 0, 1, 1], [0, 1, 1, 2]), user=2, item=2)
    assert data.feedback.tolist() == [1, 2]
    assert data.user_ids.tolist() == [100, 101] and data.item_ids.tolist() == [201]


def test_k_core_repeats_until_nothing_falls_out():
    # 0 and 1 share items 0 and 1; user 2 hangs on item 1 and item 2, item 2 on user 2 alone
    data = filters.k_core(table([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 1, 2]), user=2, item=2)
    assert data.feedback.tolist() == [0, 1, 2, 3]
    assert data.user_ids.tolist() == [100, 101] and data.item_ids.tolist() == [200, 201]
    with pytest.raises(JaxrecError, match="3/3-core leaves none of the 6 rows"):
        filters.k_core(table([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 1, 2]), user=3, item=3)


def test_k_core_equals_the_plain_loop():
    rng = np.random.default_rng(0)
    data = table(rng.integers(0, 30, 200), rng.integers(0, 40, 200), num_users=30, num_items=40)
    rows = list(zip(data.user.tolist(), data.item.tolist(), data.feedback.tolist(), strict=True))
    while True:
        users, items = [u for u, _, _ in rows], [i for _, i, _ in rows]
        kept = [r for r in rows if users.count(r[0]) >= 5 and items.count(r[1]) >= 4]
        if len(kept) == len(rows):
            break
        rows = kept
    assert 0 < len(rows) < 200
    assert filters.k_core(data, user=5, item=4).feedback.tolist() == [f for _, _, f in rows]


def test_with_split_keeps_all_rows_among_its_users_and_items():
    data = table([0, 0, 1, 1, 2], [0, 1, 0, 2, 0], split=[TRAIN, TEST, TEST, TRAIN, TRAIN])
    part = filters.with_split(data, TEST)  # users 0 and 1, items 0 and 1
    assert part.feedback.tolist() == [0, 1, 2]
    assert part.split.tolist() == [TRAIN, TEST, TEST]
    assert part.user_ids.tolist() == [100, 101] and part.item_ids.tolist() == [200, 201]


def test_with_items_keeps_their_rows_and_all_users():
    data = table([0, 0, 1, 1, 2], [0, 1, 0, 2, 2], split=[TRAIN, TEST, TEST, TRAIN, TRAIN])
    part = filters.with_items(data, np.array([False, True, True]))
    assert part.item.tolist() == [0, 1, 1] and part.user.tolist() == [0, 1, 2]
    assert part.user_ids.tolist() == [100, 101, 102] and part.item_ids.tolist() == [201, 202]

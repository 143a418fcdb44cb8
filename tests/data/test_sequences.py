"""Sessions, their filters and splits, and the padded records, against Python written row by row."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions
from jaxrec.data import sequences, sessions, splits


def table(rows, split=None, num_items=None) -> Interactions:
    """rows are (user, item, time)."""
    user, item, time = np.array(rows, np.int64).T
    return Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        feedback=np.arange(len(rows), dtype=np.float32),
        time=time,
        split=np.array(split if split is not None else [TRAIN] * len(rows), np.int8),
        user_ids=np.arange(user.max() + 1),
        item_ids=np.arange(num_items or item.max() + 1),
    )


def random_log(seed: int, size: int = 400) -> Interactions:
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.integers(0, 9, size), rng.integers(0, 25, size), rng.integers(0, 200, size) * 600], 1)
    return table(rows.tolist(), num_items=25)


def by_hand(data: Interactions, gap: int | None) -> list[tuple[int, list[int]]]:
    """(user, rows) of each session."""
    found = []
    for user in range(data.num_users):
        rows = sorted(np.flatnonzero(data.user == user).tolist(), key=lambda r: data.time[r])
        for n, row in enumerate(rows):
            if n == 0 or (gap is not None and data.time[row] - data.time[rows[n - 1]] > gap):
                found.append((user, []))
            found[-1][1].append(row)
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("gap", "length"), [(None, None), (None, 7), (3600, 3), (600, None)])
def test_sequences_are_the_most_recent_items_of_each_session(seed, gap, length):
    data = random_log(seed)
    built = sequences.build(data, length=length, session=sessions.number(data, gap))
    expected = [(u, rows[-length:] if length else rows) for u, rows in by_hand(data, gap) if len(rows) >= 2]
    assert built.user.tolist() == [u for u, _ in expected]
    for row, (_, chosen) in enumerate(expected):
        n = len(chosen)
        assert built.mask[row].tolist() == [True] * n + [False] * (built.mask.shape[1] - n)
        assert built.item[row].tolist() == data.item[chosen].tolist() + [0] * (built.item.shape[1] - n)
        assert built.feedback[row, :n].tolist() == data.feedback[chosen].tolist()
    assert (built.item.dtype, built.feedback.dtype, built.mask.dtype) == (np.int32, np.float32, bool)


@pytest.mark.parametrize("length", [2, 3, 5])
def test_cut_sessions_predict_every_item_but_the_first_once(length):
    data = random_log(1)
    session = sessions.number(data, 1800)
    built = sequences.build(data, length=length, long="cut", session=session)
    found = [
        (int(u), *map(float, (row[t], row[t + 1])))
        for u, row, mask in zip(built.user, built.feedback, built.mask, strict=True)
        for t in range(mask.sum() - 1)
    ]
    expected = [
        (u, *data.feedback[[a, b]].tolist())
        for u, rows in by_hand(data, 1800)
        for a, b in zip(rows, rows[1:], strict=False)
    ]
    assert found == expected and (built.mask.sum(1) >= 2).all()
    after = {row: len(rows) - 1 - t for _, rows in by_hand(data, 1800) for t, row in enumerate(rows)}
    last = [int(row[mask][-1]) for row, mask in zip(built.feedback, built.mask, strict=True)]
    assert built.left.tolist() == [after[row] for row in last] and (built.left.max() > 0)
    assert not sequences.build(data, length=length, session=session).left.any()


def test_next_item_data_holds_whole_test_sessions_in_buckets():
    data = splits.last_session(random_log(2), sessions.number(random_log(2), 1200))
    session = sessions.number(data, 1200)
    made = sequences.next_item(data, length=3, test=TEST, session=session)
    whole = sequences.build(data, split=TEST, session=session)
    assert sum(b.mask.sum() for b in made.test) == whole.mask.sum() and made.train.item.shape[1] == 3
    assert [len(p) for p in made.past] == [len(b.user) for b in made.test]
    assert made.popularity.sum() == (data.split == TRAIN).sum()
    recent = sequences.next_item(data, length=3, test=TEST, session=session, long="recent").train
    _, rows = np.unique(session[data.split == TRAIN], return_counts=True)
    assert len(recent.user) == (rows >= 2).sum() < len(made.train.user), "a row for each session"


def test_rows_of_one_second_keep_the_order_of_the_file_and_late_rows_are_sorted():
    built = sequences.build(table([(0, 3, 5), (1, 1, 0), (0, 2, 5), (0, 1, 4), (1, 0, 9)]))
    assert built.item.tolist() == [[1, 3, 2], [1, 0, 0]] and built.mask.tolist() == [[True] * 3, [True, True, False]]


def test_sessions_given_by_hand_may_overlap_in_time():
    data = table([(0, 1, 0), (0, 2, 1), (0, 3, 2), (0, 4, 3)])
    built = sequences.build(data, session=np.array([0, 1, 0, 1]))
    assert built.item.tolist() == [[1, 3], [2, 4]]


def test_buckets_hold_all_rows_and_little_padding():
    data = random_log(0)
    built = sequences.build(data, session=sessions.number(data, 1200))
    buckets = sequences.bucketed(built, (2, 4, 12))
    for bucket, (low, high) in zip(buckets, ((2, 2), (3, 4), (5, 12)), strict=True):
        size = bucket.mask.sum(1)
        assert size.min() >= low and size.max() <= high == bucket.item.shape[1]
    assert sum(b.mask.sum() for b in buckets) == built.mask.sum()
    assert sorted(i for b in buckets for i in b.item[b.mask]) == sorted(built.item[built.mask])
    with pytest.raises(JaxrecError, match=r"do not fit in buckets of \[2, 3\]"):
        sequences.bucketed(built, [2, 3])


def test_what_cannot_be_built_is_refused():
    with pytest.raises(JaxrecError, match="length 1 hold nothing to predict"):
        sequences.build(random_log(0), length=1)
    with pytest.raises(JaxrecError, match="no session of interactions has 2 rows"):
        sequences.build(table([(0, 1, 0), (1, 1, 0)]))


@pytest.mark.parametrize("length", [1, 0, -1])
def test_a_length_that_cannot_be_ends_at_once(length):
    split = np.where(np.arange(400) % 2, TEST, TRAIN)
    with pytest.raises(JaxrecError, match=f"length {length} hold nothing to predict"):
        sequences.next_item(dataclasses.replace(random_log(0), split=split), length=length, test=TEST)


@pytest.mark.parametrize("seed", range(3))
def test_frequent_items_sessions_and_users_by_hand(seed):
    data = random_log(seed)
    often = {i for i in range(25) if (data.item == i).sum() >= 15}
    cut = [(u, [r for r in rows if data.item[r] in often]) for u, rows in by_hand(data, 1800)]
    cut = [(u, rows) for u, rows in cut if len(rows) >= 3]
    users = {u for u, _ in cut if sum(u == v for v, _ in cut) >= 2}
    expected = sorted(r for u, rows in cut if u in users for r in rows)
    kept, session = sessions.frequent(data, gap=1800, item=15, length=3, sessions=2)
    assert kept.feedback.tolist() == data.feedback[expected].tolist() and 0 < len(expected) < 400
    assert (kept.item_ids[kept.item] == data.item[expected]).all() and kept.num_users == len(users)
    found = {tuple(np.flatnonzero(session == number)) for number in np.unique(session)}
    place = {row: n for n, row in enumerate(expected)}
    assert found == {tuple(sorted(place[r] for r in rows)) for u, rows in cut if u in users}, "sessions as cut before"
    assert len(found) < len(np.unique(sessions.number(kept, 1800))), "numbered anew, dropped items would split some"
    with pytest.raises(JaxrecError, match="leave nothing"):
        sessions.frequent(data, sessions=500)


def test_repeats_in_a_row_go_but_not_those_with_something_between():
    data = table([(1, 2, 0), (0, 2, 1), (0, 2, 2), (0, 3, 3), (0, 2, 4), (0, 2, 5)])
    kept = sessions.without_repeats(data)
    assert list(zip(kept.user.tolist(), kept.time.tolist(), strict=True)) == [(0, 1), (0, 3), (0, 4), (1, 0)]


def test_what_has_rows_is_counted():
    data = random_log(2)
    some = data.where(data.user < 2)
    session = sessions.number(some, 1200)
    expected = {"users": len(set(some.user)), "sessions": session.max() + 1, "items": len(set(some.item))}
    assert sessions.counts(some, session) == expected | {"events": len(some)} and len(some) < len(data)


def test_sampled_users_come_with_all_their_rows():
    data = random_log(0)
    drawn, others = (sessions.sample_users(data, 4, seed=seed) for seed in (1, 2))
    users = set(data.user[drawn].tolist())
    assert len(users) == 4 and (drawn == np.isin(data.user, list(users))).all() and (drawn != others).any()
    with pytest.raises(JaxrecError, match="has 9 users with rows; 10 cannot be drawn"):
        sessions.sample_users(data, 10)


def test_users_are_split_whole():
    data = random_log(0)
    split = splits.by_user(data, test=0.2, validation=0.3, seed=3)
    kinds = [set(split.split[split.user == u].tolist()) for u in range(9)]
    assert sorted(map(tuple, kinds)) == [(TRAIN,)] * 4 + [(VALIDATION,)] * 3 + [(TEST,)] * 2
    with pytest.raises(JaxrecError, match="too few to leave one"):
        splits.by_user(data, test=0.6, validation=0.39)


def test_the_last_session_is_the_test_and_the_one_before_validation():
    rows = [(0, 1, 90_000), (0, 2, 0), (0, 3, 50_000), (0, 4, 10), (1, 5, 0), (1, 6, 9), (0, 7, 90_009)]
    data = table(rows)
    number = sessions.number(data)
    assert number.tolist() == [2, 0, 1, 0, 3, 3, 2]
    assert splits.last_session(data, number).split.tolist() == [TEST, TRAIN, TRAIN, TRAIN, TRAIN, TRAIN, TEST]
    both = splits.last_session(data, number, validation=True).split.tolist()
    assert both == [TEST, TRAIN, VALIDATION, TRAIN, TRAIN, TRAIN, TEST]
    with pytest.raises(JaxrecError, match="no user of interactions has more than 1 sessions"):
        splits.last_session(data, sessions.number(data, None))


def test_the_past_is_what_the_user_had_before():
    split = [TRAIN, TRAIN, TRAIN, TEST, TEST, TEST, TEST]
    rows = [(0, 3, 0), (0, 1, 1), (0, 3, 2), (0, 2, 3), (0, 4, 4), (1, 2, 0), (1, 0, 1)]
    data = table(rows, split)
    test = sequences.build(data, split=TEST)
    (known,), (nothing,) = (sequences.past(data, [test], splits=(split,)) for split in (TRAIN, VALIDATION))
    assert known.tolist() == [[1, 3], [-1, -1]] and nothing.tolist() == [[-1], [-1]]
    buckets = sequences.bucketed(test.replace(mask=test.mask & ([[True], [False]] | (np.arange(2) < 1))), [1, 2])
    assert [rows.tolist() for rows in sequences.past(data, buckets, splits=(TRAIN,))] == [[[-1]], [[1, 3]]]


def test_a_split_without_sessions_is_named():
    with pytest.raises(JaxrecError, match="no session of validation of interactions has 2 rows; change what is"):
        sequences.next_item(table([(0, 1, 0), (0, 2, 1)]), length=3, test=VALIDATION)


def test_what_comes_before_a_session_stands_in_front_of_it():
    split = [TRAIN, TRAIN, TRAIN, TEST, TEST, TEST, TEST]
    rows = [(0, 3, 0), (0, 1, 1), (0, 5, 2), (0, 2, 3), (0, 4, 4), (1, 2, 0), (1, 0, 1)]
    data = table(rows, split)
    test = sequences.build(data, split=TEST)
    (found,) = sequences.before(data, [test], splits=(TRAIN, VALIDATION), length=2)
    assert found.item.tolist() == [[1, 5], [0, 0]] and found.mask.tolist() == [[True, True], [False, False]]
    joined, start = sequences.after(found, test)
    assert joined.item.tolist() == [[1, 5, 2, 4], [2, 0, 0, 0]] and start.tolist() == [2, 0]
    assert joined.mask.tolist() == [[True] * 4, [True, True, False, False]]
    assert joined.feedback.tolist()[0] == [1.0, 2.0, 3.0, 4.0]


def test_a_validation_session_is_known_when_the_one_after_it_is_measured():
    log = random_log(2)
    session = sessions.number(log, 1200)
    data = splits.last_session(log, session, validation=True)
    options = {"length": 9, "session": session, "long": "recent"}
    tested, validated = (sequences.next_item(data, test=test, **options) for test in (TEST, VALIDATION))
    assert validated.history is None and tested.train.mask.sum() == validated.train.mask.sum()
    assert tested.history.mask.sum() > tested.train.mask.sum()
    assert sum((past >= 0).sum() for past in tested.past) > sum((past >= 0).sum() for past in validated.past)
    joined = sequences.next_item(data, test=TEST, joined=True, **options)
    assert joined.history is None and not tested.before
    for row, first in zip(joined.test, joined.before, strict=True):
        for user, item, mask in zip(row.user, first.item, first.mask, strict=True):
            known = np.flatnonzero((data.user == user) & (data.split != TEST))
            assert item[mask].tolist() == data.item[known[np.argsort(data.time[known], kind="stable")]][-9:].tolist()

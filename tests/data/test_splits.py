from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions
from jaxrec.data import sessions, splits
from tests.data import session_logs


def table(user, time, split=None) -> Interactions:
    count = len(user)
    return Interactions(
        user=np.array(user, np.int32),
        item=np.arange(count, dtype=np.int32),
        feedback=np.ones(count, np.float32),
        time=np.array(time, np.int64),
        split=np.zeros(count, np.int8) if split is None else np.array(split, np.int8),
        user_ids=np.arange(max(user) + 1),
        item_ids=np.arange(count),
    )


def test_random_takes_exact_fractions_and_only_training_rows():
    data = table([0] * 10, range(10), split=[TEST, TEST] + [TRAIN] * 8)
    out = splits.random(data, test=0.25, validation=0.125, seed=3)
    assert out.split[:2].tolist() == [TEST, TEST]
    assert np.bincount(out.split[2:], minlength=3).tolist() == [5, 1, 2]
    assert out.split.tolist() == splits.random(data, test=0.25, validation=0.125, seed=3).split.tolist()
    assert any(
        out.split.tolist() != splits.random(data, test=0.25, validation=0.125, seed=s).split.tolist() for s in range(9)
    )
    assert data.split[2:].tolist() == [TRAIN] * 8  # the input is not written to
    assert out.split.dtype == np.int8


def test_by_time_puts_the_latest_rows_last_and_breaks_ties_by_file_order():
    data = table([0, 1, 0, 1, 0], [30, 10, 20, 30, 5])
    out = splits.by_time(data, test=0.4, validation=0.2)
    assert out.split.tolist() == [TEST, TRAIN, VALIDATION, TEST, TRAIN]
    assert splits.by_time(data, test=0.2).split.tolist() == [TRAIN, TRAIN, TRAIN, TEST, TRAIN]
    with pytest.raises(JaxrecError, match="has no times to split by"):
        splits.by_time(table([0, 1], [0, 0]))


def test_leave_last_holds_out_the_end_of_each_user():
    #             user 0: rows 0, 2, 3, 5 at times 40, 10, 30, 40; user 1: rows 1, 4; user 2: row 6
    data = table([0, 1, 0, 0, 1, 0, 2], [40, 9, 10, 30, 8, 40, 7])
    assert splits.leave_last(data).split.tolist() == [TRAIN, TEST, TRAIN, TRAIN, TRAIN, TEST, TRAIN]
    out = splits.leave_last(data, test=1, validation=2)
    assert out.split.tolist() == [VALIDATION, TRAIN, TRAIN, VALIDATION, TRAIN, TEST, TRAIN]
    assert splits.leave_last(data, test=0).split.tolist() == [TRAIN] * 7
    with pytest.raises(JaxrecError, match="no user of .* has more than 4 rows"):
        splits.leave_last(data, test=4)


@pytest.mark.parametrize("fractions", [(1.0, 0.0), (-0.1, 0.0), (0.5, 0.5), (float("nan"), 0.0)])
def test_fractions_are_checked(fractions):
    with pytest.raises(JaxrecError, match="fractions from 0 to below 1"):
        splits.random(table([0, 1], [1, 2]), test=fractions[0], validation=fractions[1])


def test_too_few_rows_are_refused():
    with pytest.raises(JaxrecError, match="has 1 training rows, too few"):
        splits.random(table([0], [1]), test=0.9)


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.sampled_from([TRAIN, TRAIN, TEST])), min_size=1),
    test=st.integers(0, 3),
    validation=st.integers(0, 2),
)
def test_leave_last_equals_the_plain_loop(rows, test, validation):
    user, time, split = (list(c) for c in zip(*rows, strict=True))
    data = table(user, time, split)
    expected = list(split)
    for u in set(user):
        own = sorted((i for i in range(len(rows)) if user[i] == u and split[i] == TRAIN), key=lambda i: time[i])
        if len(own) > test + validation:
            for place, i in enumerate(reversed(own)):
                expected[i] = TEST if place < test else VALIDATION if place < test + validation else TRAIN
    if test + validation and expected == split:
        with pytest.raises(JaxrecError):
            splits.leave_last(data, test=test, validation=validation)
    else:
        out = splits.leave_last(data, test=test, validation=validation)
        assert out.split.tolist() == expected
        assert dataclasses.replace(out, split=data.split) == data or out.user is data.user


def test_users_are_split_whole():
    data = session_logs.random_log(0)
    split = splits.by_user(data, test=0.2, validation=0.3, seed=3)
    kinds = [set(split.split[split.user == u].tolist()) for u in range(9)]
    assert sorted(map(tuple, kinds)) == [(TRAIN,)] * 4 + [(VALIDATION,)] * 3 + [(TEST,)] * 2
    with pytest.raises(JaxrecError, match="too few to leave one"):
        splits.by_user(data, test=0.6, validation=0.39)


def test_the_last_session_is_the_test_and_the_one_before_validation():
    rows = [(0, 1, 90_000), (0, 2, 0), (0, 3, 50_000), (0, 4, 10), (1, 5, 0), (1, 6, 9), (0, 7, 90_009)]
    data = session_logs.table(rows)
    number = sessions.session_numbers(data)
    assert number.tolist() == [2, 0, 1, 0, 3, 3, 2]
    assert splits.last_session(data, number).split.tolist() == [TEST, TRAIN, TRAIN, TRAIN, TRAIN, TRAIN, TEST]
    both = splits.last_session(data, number, validation=True).split.tolist()
    assert both == [TEST, TRAIN, VALIDATION, TRAIN, TRAIN, TRAIN, TEST]
    with pytest.raises(JaxrecError, match="no user of interactions has more than 1 sessions"):
        splits.last_session(data, sessions.session_numbers(data, None))

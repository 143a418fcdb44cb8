"""Held-out events behind what came before them, against rows worked out user by user."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION
from jaxrec.data import filters, splits
from jaxrec.data.continuations import continuations
from jaxrec.experiment.kinds import sequences
from tests.data.session_logs import random_log, table


def histories(log, known):
    """User -> the items of those events that are known, in order of time."""
    found = {}
    for user in range(log.num_users):
        rows = sorted(np.flatnonzero(log.user == user), key=lambda row: log.time[row])
        found[user] = [int(log.item[row]) for row in rows if known[row]]
    return found


def shown(bucket, before):
    """User -> (what a model reads before the first target, the targets)."""
    found = {}
    for n, user in enumerate(bucket.user.tolist()):
        first, *targets = bucket.item[n][bucket.mask[n]].tolist()
        found[user] = [*before.item[n][before.mask[n]].tolist(), first], targets
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("split", [TEST, VALIDATION])
def test_held_out_events_go_on_with_what_their_users_did(seed, split):
    log = random_log(seed, size=120)
    rng = np.random.default_rng(seed)
    log = dataclasses.replace(log, split=rng.choice([TRAIN, VALIDATION, TEST], len(log.user)).astype(np.int8))
    log.split[log.user == 3] = split  # a user of whom nothing is known
    known = (TRAIN,) if split == VALIDATION else (TRAIN, VALIDATION)
    rows, before = continuations(log, split=split, known=known, length=4)
    assert before.item.shape == (len(rows.user), 3) and (before.user == rows.user).all()
    earlier, held = histories(log, np.isin(log.split, known)), histories(log, log.split == split)
    expected = {}
    for user, items in held.items():
        if items:
            expected[user] = (earlier[user][-4:], items) if earlier[user] else (items[:1], items[1:])
    assert shown(rows, before) == expected


def leave_one_out(log, **options):
    return sequences.of_log(sequences.options(split="leave_one_out", length=3, **options), lambda: log).data


def test_leave_one_out_by_hand():
    """Users of five, three and two events: the last one of users with three or more is ranked after all others."""
    first = [(0, 1, 10), (0, 2, 20), (1, 5, 1), (0, 3, 30), (1, 6, 2)]
    log = table([*first, (0, 4, 40), (2, 1, 1), (0, 5, 50), (1, 0, 3), (2, 6, 2)])
    data = leave_one_out(log, min_session=1)
    (rows,), (before,) = data.test, data.before
    assert shown(rows, before) == {0: ([2, 3, 4], [5]), 1: ([5, 6], [0])}
    assert [row[row >= 0].tolist() for row in data.past[0]] == [[1, 2, 3, 4], [5, 6]]
    train = {int(u): data.train.item[n][data.train.mask[n]].tolist() for n, u in enumerate(data.train.user)}
    assert train == {0: [1, 2, 3], 2: [1, 6]}, "neither of the last two; a user of two events is learned from"
    data = leave_one_out(log, min_session=1, held_out="validation")
    assert shown(data.test[0], data.before[0]) == {0: ([1, 2, 3], [4]), 1: ([5], [6])}
    data = leave_one_out(log, min_session=1, validation=0.0)
    assert shown(data.test[0], data.before[0]) == {0: ([2, 3, 4], [5]), 1: ([5, 6], [0]), 2: ([1], [6])}


@pytest.mark.parametrize("seed", range(3))
def test_leave_one_out_equals_an_oracle(seed):
    log = filters.reindex(random_log(seed, size=60))
    data = leave_one_out(log, min_session=1)
    expected, learned = {}, {}
    for user, items in histories(log, np.ones(len(log.user), bool)).items():
        if len(items) >= 3:
            expected[user] = (items[:-1][-3:], items[-1:])
        learned[user] = items[:-2] if len(items) >= 3 else items
    assert shown(data.test[0], data.before[0]) == expected
    assert data.popularity.sum() == sum(map(len, learned.values()))


def test_a_log_s_own_split_is_measured_where_it_is_asked_for():
    log = table([(0, 1, 1), (0, 2, 2), (0, 3, 3), (1, 1, 1), (1, 3, 2), (1, 2, 3), (1, 1, 4)], [0, 0, 2, 0, 0, 2, 2])
    options = sequences.options(split="given", length=2, min_session=1)
    data = sequences.of_log(options, lambda: log).data
    assert shown(data.test[0], data.before[0]) == {0: ([0, 1], [2]), 1: ([0, 2], [1, 0])}
    with pytest.raises(JaxrecError, match="brings no validation events: name them"):
        sequences.of_log(sequences.options(split="given", held_out="validation"), lambda: log)


def test_what_has_nothing_held_out_or_sessions_is_refused():
    with pytest.raises(JaxrecError, match="takes the events of a user as one session: set session_minutes to 0"):
        sequences.of_log(sequences.options(split="leave_one_out", session_minutes=5.0), lambda: random_log(0))
    with pytest.raises(JaxrecError, match="no user of interactions has more than 2 rows"):
        leave_one_out(table([(0, 1, 0), (0, 2, 1), (1, 2, 1)]), min_session=1)
    lone = splits.leave_last(table([(0, 1, 0), (0, 2, 1), (1, 2, 1)]), test=1)
    with pytest.raises(JaxrecError, match="an event that is held out after another"):
        continuations(lone.where(lone.split == TEST), split=TEST, known=(TRAIN,), length=3)

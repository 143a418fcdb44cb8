"""What next-item models learn from and are measured on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION
from jaxrec.data import sessions, splits
from jaxrec.data.next_item import next_item
from jaxrec.data.sequences import from_sessions
from tests.data.session_logs import random_log, table


def test_next_item_data_holds_whole_test_sessions_in_buckets():
    data = splits.last_session(random_log(2), sessions.session_numbers(random_log(2), 1200))
    session = sessions.session_numbers(data, 1200)
    made = next_item(data, length=3, test=TEST, session=session)
    whole = from_sessions(data, split=TEST, session=session)
    assert sum(b.mask.sum() for b in made.test) == whole.mask.sum() and made.train.item.shape[1] == 3
    assert [len(p) for p in made.past] == [len(b.user) for b in made.test]
    assert made.popularity.sum() == (data.split == TRAIN).sum()
    recent = next_item(data, length=3, test=TEST, session=session, long="recent").train
    _, rows = np.unique(session[data.split == TRAIN], return_counts=True)
    assert len(recent.user) == (rows >= 2).sum() < len(made.train.user), "a row for each session"


@pytest.mark.parametrize("length", [1, 0, -1])
def test_a_length_that_cannot_be_ends_at_once(length):
    split = np.where(np.arange(400) % 2, TEST, TRAIN)
    with pytest.raises(JaxrecError, match=f"length {length} hold nothing to predict"):
        next_item(dataclasses.replace(random_log(0), split=split), length=length, test=TEST)


def test_a_split_without_sessions_is_named():
    with pytest.raises(JaxrecError, match="no session of validation of interactions has 2 rows; change what is"):
        next_item(table([(0, 1, 0), (0, 2, 1)]), length=3, test=VALIDATION)


def test_a_validation_session_is_known_when_the_one_after_it_is_measured():
    log = random_log(2)
    session = sessions.session_numbers(log, 1200)
    data = splits.last_session(log, session, validation=True)
    options = {"length": 9, "session": session, "long": "recent"}
    tested, validated = (next_item(data, test=test, **options) for test in (TEST, VALIDATION))
    assert validated.history is None and tested.train.mask.sum() == validated.train.mask.sum()
    assert tested.history.mask.sum() > tested.train.mask.sum()
    assert sum((past >= 0).sum() for past in tested.past) > sum((past >= 0).sum() for past in validated.past)
    joined = next_item(data, test=TEST, joined=True, **options)
    assert joined.history is None and not tested.before
    for row, first in zip(joined.test, joined.before, strict=True):
        for user, item, mask in zip(row.user, first.item, first.mask, strict=True):
            known = np.flatnonzero((data.user == user) & (data.split != TEST))
            assert item[mask].tolist() == data.item[known[np.argsort(data.time[known], kind="stable")]][-9:].tolist()

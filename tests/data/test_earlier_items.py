"""What users met before their held-out sessions."""

from __future__ import annotations

import numpy as np

from jaxrec.base.records import TEST, TRAIN, VALIDATION
from jaxrec.batches.joined_sequences import join
from jaxrec.data.earlier_items import distinct_items, last_items
from jaxrec.data.length_buckets import split_by_length
from jaxrec.data.sequences import from_sessions
from tests.data.session_logs import table


def test_the_past_is_what_the_user_had_before():
    split = [TRAIN, TRAIN, TRAIN, TEST, TEST, TEST, TEST]
    rows = [(0, 3, 0), (0, 1, 1), (0, 3, 2), (0, 2, 3), (0, 4, 4), (1, 2, 0), (1, 0, 1)]
    data = table(rows, split)
    test = from_sessions(data, split=TEST)
    (known,), (nothing,) = (distinct_items(data, [test], splits=(split,)) for split in (TRAIN, VALIDATION))
    assert known.tolist() == [[1, 3], [-1, -1]] and nothing.tolist() == [[-1], [-1]]
    buckets = split_by_length(test.replace(mask=test.mask & ([[True], [False]] | (np.arange(2) < 1))), [1, 2])
    assert [rows.tolist() for rows in distinct_items(data, buckets, splits=(TRAIN,))] == [
        [[-1]],
        [[1, 3]],
    ]


def test_what_comes_before_a_session_stands_in_front_of_it():
    split = [TRAIN, TRAIN, TRAIN, TEST, TEST, TEST, TEST]
    rows = [(0, 3, 0), (0, 1, 1), (0, 5, 2), (0, 2, 3), (0, 4, 4), (1, 2, 0), (1, 0, 1)]
    data = table(rows, split)
    test = from_sessions(data, split=TEST)
    (found,) = last_items(data, [test], splits=(TRAIN, VALIDATION), length=2)
    assert found.item.tolist() == [[1, 5], [0, 0]] and found.mask.tolist() == [[True, True], [False, False]]
    joined, start = join(found, test)
    assert joined.item.tolist() == [[1, 5, 2, 4], [2, 0, 0, 0]] and start.tolist() == [2, 0]
    assert joined.mask.tolist() == [[True] * 4, [True, True, False, False]]
    assert joined.feedback.tolist()[0] == [1.0, 2.0, 3.0, 4.0]

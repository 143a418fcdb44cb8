"""Padded sequences against sessions worked out row by row."""

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import sessions
from jaxrec.data.sequences import from_sessions
from tests.data.session_logs import by_hand, random_log, table


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("gap", "length"), [(None, None), (None, 7), (3600, 3), (600, None)])
def test_sequences_are_the_most_recent_items_of_each_session(seed, gap, length):
    data = random_log(seed)
    built = from_sessions(data, length=length, session=sessions.session_numbers(data, gap))
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
    session = sessions.session_numbers(data, 1800)
    built = from_sessions(data, length=length, long="cut", session=session)
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
    assert not from_sessions(data, length=length, session=session).left.any()


def test_rows_of_one_second_keep_the_order_of_the_file_and_late_rows_are_sorted():
    built = from_sessions(table([(0, 3, 5), (1, 1, 0), (0, 2, 5), (0, 1, 4), (1, 0, 9)]))
    assert built.item.tolist() == [[1, 3, 2], [1, 0, 0]] and built.mask.tolist() == [[True] * 3, [True, True, False]]


def test_sessions_given_by_hand_may_overlap_in_time():
    data = table([(0, 1, 0), (0, 2, 1), (0, 3, 2), (0, 4, 3)])
    built = from_sessions(data, session=np.array([0, 1, 0, 1]))
    assert built.item.tolist() == [[1, 3], [2, 4]]


def test_what_cannot_be_built_is_refused():
    with pytest.raises(JaxrecError, match="length 1 hold nothing to predict"):
        from_sessions(random_log(0), length=1)
    with pytest.raises(JaxrecError, match="no session of interactions has 2 rows"):
        from_sessions(table([(0, 1, 0), (1, 1, 0)]))

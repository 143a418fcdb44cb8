"""Sessions and their filters, against Python written row by row."""

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import sessions
from tests.data.session_logs import by_hand, random_log, table


@pytest.mark.parametrize("seed", range(3))
def test_frequent_items_sessions_and_users_by_hand(seed):
    data = random_log(seed)
    often = {i for i in range(25) if (data.item == i).sum() >= 15}
    cut = [(u, [r for r in rows if data.item[r] in often]) for u, rows in by_hand(data, 1800)]
    cut = [(u, rows) for u, rows in cut if len(rows) >= 3]
    users = {u for u, _ in cut if sum(u == v for v, _ in cut) >= 2}
    expected = sorted(r for u, rows in cut if u in users for r in rows)
    kept, session = sessions.keep_frequent(data, gap=1800, item=15, length=3, sessions=2)
    assert kept.feedback.tolist() == data.feedback[expected].tolist() and 0 < len(expected) < 400
    assert (kept.item_ids[kept.item] == data.item[expected]).all() and kept.num_users == len(users)
    found = {tuple(np.flatnonzero(session == number)) for number in np.unique(session)}
    place = {row: n for n, row in enumerate(expected)}
    assert found == {tuple(sorted(place[r] for r in rows)) for u, rows in cut if u in users}, "sessions as cut before"
    assert len(found) < len(np.unique(sessions.session_numbers(kept, 1800))), (
        "numbered anew, dropped items would split some"
    )
    with pytest.raises(JaxrecError, match="leave nothing"):
        sessions.keep_frequent(data, sessions=500)


def test_repeats_in_a_row_go_but_not_those_with_something_between():
    data = table([(1, 2, 0), (0, 2, 1), (0, 2, 2), (0, 3, 3), (0, 2, 4), (0, 2, 5)])
    kept = sessions.without_repeats(data)
    assert list(zip(kept.user.tolist(), kept.time.tolist(), strict=True)) == [(0, 1), (0, 3), (0, 4), (1, 0)]


def test_what_has_rows_is_counted():
    data = random_log(2)
    some = data.where(data.user < 2)
    session = sessions.session_numbers(some, 1200)
    expected = {"users": len(set(some.user)), "sessions": session.max() + 1, "items": len(set(some.item))}
    assert sessions.counts(some, session) == expected | {"events": len(some)} and len(some) < len(data)


def test_sampled_users_come_with_all_their_rows():
    data = random_log(0)
    drawn, others = (sessions.sample_users(data, 4, seed=seed) for seed in (1, 2))
    users = set(data.user[drawn].tolist())
    assert len(users) == 4 and (drawn == np.isin(data.user, list(users))).all() and (drawn != others).any()
    with pytest.raises(JaxrecError, match="has 9 users with rows; 10 cannot be drawn"):
        sessions.sample_users(data, 10)

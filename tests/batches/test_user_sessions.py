"""Consecutive sessions of users."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.base.records import NextItem, Sequences
from jaxrec.batches import user_sessions


def test_sessions_of_users_in_their_order():
    user = jnp.array([0, 0, 0, 2, 2, 5])
    item = jnp.arange(12).reshape(6, 2)
    train = Sequences(item, item * 1.0, jnp.ones((6, 2), bool), user)
    found = user_sessions.last_sessions(train, jnp.array([0, 1, 2, 5, 9]), 2)
    rows = [[int(found.item[b, c, 0]) // 2 if found.real[b, c] else None for c in range(2)] for b in range(5)]
    assert rows == [[1, 2], [None, None], [3, 4], [5, None], [None, None]]
    assert found.mask.all(-1).tolist() == found.real.tolist() == found.mask.any(-1).tolist()
    upto = user_sessions.sessions_up_to(train, jnp.array([0, 0, 2]), jnp.array([0, 1, 3]), 3)
    assert upto.real.sum(1).tolist() == [1, 2, 1] and upto.item[:, 0, 0].tolist() == [0, 0, 6]


def test_drawn_sessions_are_consecutive_ones_of_a_user_and_all_are_drawn_alike():
    user = jnp.repeat(jnp.array([1, 4, 7]), jnp.array([3, 1, 12]))
    item = jnp.broadcast_to(jnp.arange(16)[:, None], (16, 2))
    data = NextItem(Sequences(item, item * 1.0, jnp.ones((16, 2), bool), user), (), (), jnp.ones(16))
    drawn = user_sessions.random_sessions(4000, 4)(data, jax.random.key(0))
    rows = [tuple(np.asarray(item[real, 0])) for item, real in zip(drawn.item, drawn.real, strict=True)]
    expected = {(0, 1, 2), (3,)} | {tuple(range(first, first + 4)) for first in range(4, 13)}
    assert set(rows) == expected
    counts = np.bincount(np.concatenate(rows), minlength=16)
    assert abs(counts[:3] / (4000 * 3 / 16) - 1).max() < 0.1, "all of a user who has no more, whichever is drawn"
    assert counts[4:].min() > 0.4 * counts[4:].max() and counts[12:].sum() < 1.2 * counts[4:8].sum()

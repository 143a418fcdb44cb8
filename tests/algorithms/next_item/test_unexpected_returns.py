"""Unexpected returns against loops over pairs, and the sessions that they are counted over."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.algorithms.next_item import unexpected_returns
from jaxrec.base.records import Sequences
from jaxrec.data import sequences
from tests.algorithms.next_item.test_objective_returns import batch, similarity


def test_items_seen_add_up_over_sessions():
    vectors, mask, _ = batch()
    seen = unexpected_returns.no_items_seen(6, 3)
    assert seen.dissimilarity().tolist() == [0.0] * 6
    seen = seen.add_session(jnp.asarray(vectors), jnp.asarray(mask))
    seen = seen.add_session(jnp.asarray(vectors[::-1]), jnp.asarray(mask[::-1]))
    for row in range(6):
        every = np.concatenate([vectors[row][mask[row]], vectors[::-1][row][mask[::-1][row]]])
        np.testing.assert_allclose(seen.dissimilarity()[row], 1 - similarity(every), atol=1e-5)


def test_inside_a_session_it_is_what_is_still_to_come():
    vectors, mask, _ = batch()
    found = unexpected_returns.intra_session_returns(jnp.asarray(vectors), jnp.asarray(mask))
    for row, steps in enumerate(mask.sum(1)):
        whole = 1 - similarity(vectors[row, :steps])
        for t in range(steps):
            expected = whole - (1 - similarity(vectors[row, : t + 1]))
            np.testing.assert_allclose(found[row, t], expected, atol=1e-5)
        assert not found[row, steps:].any()


def test_the_largest_dissimilarity_is_that_of_the_worst_pair(monkeypatch):
    vectors = batch()[0].reshape(-1, 3)
    worst = min(float(a @ b) for a in vectors for b in vectors)
    for rows in (256, 5):
        monkeypatch.setattr(unexpected_returns, "_ROWS", rows)
        np.testing.assert_allclose(unexpected_returns.largest_dissimilarity(jnp.asarray(vectors)), 1 - worst, atol=1e-5)


def test_sessions_of_users_in_their_order():
    user = jnp.array([0, 0, 0, 2, 2, 5])
    item = jnp.arange(12).reshape(6, 2)
    train = Sequences(item, item * 1.0, jnp.ones((6, 2), bool), user)
    found = sequences.sessions_of(train, jnp.array([0, 1, 2, 5, 9]), 2)
    rows = [[int(found.item[b, c, 0]) // 2 if found.real[b, c] else None for c in range(2)] for b in range(5)]
    assert rows == [[1, 2], [None, None], [3, 4], [5, None], [None, None]]
    assert found.mask.all(-1).tolist() == found.real.tolist() == found.mask.any(-1).tolist()
    upto = sequences.sessions_up_to(train, jnp.array([0, 0, 2]), jnp.array([0, 1, 3]), 3)
    assert upto.real.sum(1).tolist() == [1, 2, 1] and upto.item[:, 0, 0].tolist() == [0, 0, 6]


def test_drawn_sessions_are_consecutive_ones_of_a_user_and_all_are_drawn_alike():
    user = jnp.repeat(jnp.array([1, 4, 7]), jnp.array([3, 1, 12]))
    item = jnp.broadcast_to(jnp.arange(16)[:, None], (16, 2))
    data = sequences.NextItem(Sequences(item, item * 1.0, jnp.ones((16, 2), bool), user), (), (), jnp.ones(16))
    drawn = sequences.user_batches(4000, 4)(data, jax.random.key(0))
    rows = [tuple(np.asarray(item[real, 0])) for item, real in zip(drawn.item, drawn.real, strict=True)]
    expected = {(0, 1, 2), (3,)} | {tuple(range(first, first + 4)) for first in range(4, 13)}
    assert set(rows) == expected
    counts = np.bincount(np.concatenate(rows), minlength=16)
    assert abs(counts[:3] / (4000 * 3 / 16) - 1).max() < 0.1, "all of a user who has no more, whichever is drawn"
    assert counts[4:].min() > 0.4 * counts[4:].max() and counts[12:].sum() < 1.2 * counts[4:8].sum()

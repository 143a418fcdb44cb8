"""Unexpected returns against loops over pairs, and the sessions that they are counted over."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxrec.algorithms.next_item import unexpected_returns
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

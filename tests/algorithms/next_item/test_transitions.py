"""Rows as transitions by hand: what ends a session, what is only cut, and what either is worth."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxrec.algorithms.next_item import transitions
from jaxrec.base.records import Sequences


def rows(left=None) -> Sequences:
    """A full row of four items, and one of two."""
    item = jnp.array([[5, 6, 7, 8], [3, 4, 0, 0]])
    mask = jnp.array([[True] * 4, [True, True, False, False]])
    return Sequences(item, item * 0.1 * mask, mask, jnp.arange(2), None if left is None else jnp.array(left))


def test_rows_that_end_their_sessions():
    steps = transitions.from_sequences(rows())
    assert steps.previous.tolist() == [[5, 6, 7], [3, 4, 0]] and steps.action.tolist() == [[6, 7, 8], [4, 0, 0]]
    assert steps.real.tolist() == [[True] * 3, [True, False, False]] == steps.known.tolist()
    assert steps.ended.tolist() == [[False, False, True], [True, False, False]]
    assert steps.items_left.tolist() == [[3, 2, 1], [1, 0, 0]]
    np.testing.assert_allclose(steps.reward, [[0.6, 0.7, 0.8], [0.4, 0.0, 0.0]], rtol=1e-6)
    for reward, each in (("one", 1.0), ("click", 0.2)):
        np.testing.assert_allclose(transitions.from_sequences(rows(), reward).reward, np.full((2, 3), each), rtol=1e-6)


def test_the_last_step_of_a_cut_row_is_neither_an_end_nor_known():
    steps = transitions.from_sequences(rows(left=[6, 0]))
    assert steps.ended.tolist() == [[False] * 3, [True, False, False]]
    assert steps.known.tolist() == [[True, True, False], [True, False, False]]
    assert steps.items_left.tolist() == [[9, 8, 7], [1, 0, 0]]
    assert transitions.flatten(steps).action.tolist() == [6, 7, 8, 4, 0, 0]

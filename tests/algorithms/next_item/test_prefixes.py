"""Prefixes of rows by hand, and rows longer than the window of their encoder."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.next_item import prefixes
from jaxrec.models.history import at_positions

LENGTH = 3


def rows(width: int):
    item = jnp.array([[5, 6, 7, 8, 9], [3, 4, 0, 0, 0]])[:, :width]
    mask = jnp.array([[True] * 5, [True, True, False, False, False]])[:, :width]
    return item, item * 0.1, mask


def encode(item, feedback, mask, positions=None, method="__call__"):
    """A state is the sum of the items in the window up to it, of windows of three items alone."""
    assert item.shape[-1] == LENGTH
    states = jnp.cumsum(item * mask, -1)[..., None]
    if method == "states_at":
        return at_positions(states, positions)
    return states if method == "states" else states[..., -1, :]


def test_a_prefix_is_the_last_items_up_to_a_position_at_the_front_of_its_window():
    item, feedback, mask = prefixes.prefix_windows(*rows(5), jnp.array([[1, 4], [1, 3]]), length=LENGTH)
    assert item.tolist() == [[[5, 6, 0], [7, 8, 9]], [[3, 4, 0], [4, 0, 0]]]
    np.testing.assert_allclose(feedback, item * 0.1, rtol=1e-6)
    assert mask.tolist() == [[[True, True, False], [True] * 3], [[True, True, False], [True, False, False]]]


@pytest.mark.parametrize("width", [2, 3, 5])
def test_states_of_short_and_long_rows(width):
    item, feedback, mask = rows(width)
    states = prefixes.row_states(encode, item, feedback, mask, length=LENGTH)[..., 0]
    expected = [[sum(row[max(t - 2, 0) : t + 1]) for t in range(width)] for row in item.tolist()]
    assert states.tolist() == expected
    positions = jnp.array([[width - 1, 0], [1, 0]])
    some = prefixes.row_states_at(encode, item, feedback, mask, positions, length=LENGTH)[..., 0]
    np.testing.assert_array_equal(some, at_positions(states, positions))

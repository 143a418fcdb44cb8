"""The positions that learn: all of them, or a real one of each row, drawn uniformly."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import target_positions


def test_all_positions_are_no_array_and_select_everything():
    assert target_positions.draw(ConfigDict({"targets": "all"}), jnp.ones((2, 3), bool), jax.random.key(0)) is None
    values = jnp.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(target_positions.select(values, None), values)


def test_one_real_position_of_each_row_is_drawn_uniformly():
    mask = jnp.broadcast_to(jnp.arange(4) < 3, (3000, 4))
    positions = target_positions.draw(ConfigDict({"targets": "one"}), mask, jax.random.key(0))
    assert positions.shape == (3000, 1)
    counts = np.bincount(positions[:, 0], minlength=4)
    assert counts[3] == 0 and abs(counts[:3] - 1000).max() < 150
    values = jnp.broadcast_to(jnp.arange(4) * 10, (3000, 4))
    np.testing.assert_array_equal(target_positions.select(values, positions), positions * 10)

"""Chunks of rows: cut, joined and mapped, with nothing lost and little filled up."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.chunks import chunk_rows, join_chunks, map_chunks


@pytest.mark.parametrize(
    ("size", "most", "shape"),
    [(10, 4, (3, 4)), (10, 5, (2, 5)), (10, 100, (1, 10)), (10, 1, (10, 1)), (10, 7, (2, 5)), (11, 7, (2, 6))],
)
def test_chunks_are_as_few_and_as_equal_as_they_can_be(size, most, shape):
    rows = {"a": jnp.arange(1, size + 1), "b": jnp.ones((size, 2), bool)}
    chunks = chunk_rows(rows, most)
    assert chunks["a"].shape == shape and chunks["b"].shape == (*shape, 2)
    filled_up = shape[0] * shape[1] - size
    assert chunks["a"].ravel().tolist() == [*range(1, size + 1), *[0] * filled_up]
    jax.tree.map(np.testing.assert_array_equal, join_chunks(chunks, size), rows)


def test_ten_rows_in_at_most_seven_chunks_leave_no_chunk_empty():
    assert chunk_rows(jnp.ones(10), 2).shape == (5, 2)
    assert chunk_rows(jnp.ones(9), 2).all(1).sum() == 4


@pytest.mark.parametrize("most", [1, 3, 7, 8])
def test_a_function_of_rows_gives_the_same_in_chunks(most):
    rows = (jnp.arange(21.0).reshape(7, 3), jnp.arange(7))
    held = []

    def function(values, index):
        held.append(values.shape[0])
        return {"sum": values.sum(1) + index, "index": index}

    jax.tree.map(np.testing.assert_array_equal, map_chunks(function, rows, most), function(*rows))
    assert max(held[:-1]) <= most

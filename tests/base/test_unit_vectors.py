"""Vectors of length 1, on the host and on the device."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.unit_vectors import unit_vectors


@pytest.mark.parametrize("xp", [np, jnp])
def test_length_is_one_but_for_what_has_no_direction(xp):
    vectors = xp.asarray(np.array([[3.0, 4.0], [0.0, -1e-4], [0.0, 0.0], [1e-9, 0.0]], np.float32))
    found = unit_vectors(vectors, xp)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, -1.0], [0.0, 0.0], [1e-9, 0.0]], rtol=1e-6)
    assert found.dtype == np.float32


def test_the_gradient_is_finite_at_zero_and_right_elsewhere():
    gradient = jax.grad(lambda v: unit_vectors(v)[:, 0].sum())(jnp.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(gradient[0], [16 / 125, -12 / 125], rtol=1e-5)
    assert jnp.isfinite(gradient).all()

"""The contrast between two prompts, value and gradient by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.losses.contrastive import prompt_contrast


def test_value_and_gradient_by_hand():
    """(2, 0) and (3, 4): cosine 0.6; its gradient in the first is (n - cos * p) / |p| of the unit vectors."""
    positive, negative, distance = jnp.array([2.0, 0.0]), jnp.array([3.0, 4.0]), jnp.array(0.5)
    value, gradients = jax.jit(jax.value_and_grad(prompt_contrast, argnums=(0, 1)))(positive, negative, distance)
    np.testing.assert_allclose(value, 0.5 * 0.6, rtol=1e-6)
    np.testing.assert_allclose(gradients[0], [0.0, 0.5 * 0.8 / 2], atol=1e-6)
    np.testing.assert_allclose(gradients[1], 0.5 * (np.array([1.0, 0.0]) - 0.6 * np.array([0.6, 0.8])) / 5, atol=1e-6)


def test_the_opposite_is_as_near_as_the_same():
    positive, negative = jnp.array([2.0, 0.0]), jnp.array([-3.0, -4.0])
    value, gradient = jax.jit(jax.value_and_grad(prompt_contrast))(positive, negative, jnp.array(0.5))
    np.testing.assert_allclose(value, 0.5 * 0.6, rtol=1e-6)
    np.testing.assert_allclose(gradient, [0.0, 0.5 * 0.8 / 2], atol=1e-6)


def test_nothing_to_compare_is_finite():
    value, gradient = jax.jit(jax.value_and_grad(prompt_contrast))(jnp.zeros(2), jnp.ones(2), jnp.array(1.0))
    assert value == 0 and np.isfinite(gradient).all()

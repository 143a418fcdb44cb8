from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.losses.sequence import cross_entropy, masked_mean


def test_cross_entropy_by_hand_on_two_steps():
    logits = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])) + 3.0
    losses = jax.vmap(cross_entropy)(logits, jnp.array([1, 2]))
    np.testing.assert_allclose(losses, [-np.log(0.25), -np.log(0.8)], rtol=1e-5)
    gradient = jax.grad(lambda x: cross_entropy(x, 1))(logits[0])
    np.testing.assert_allclose(gradient, [0.5, 0.25 - 1, 0.25], atol=1e-6)


def test_masked_mean_counts_only_what_is_real():
    values = jnp.array([[1.0, jnp.nan], [4.0, 7.0]])
    mask = jnp.array([[True, False], [True, True]])
    np.testing.assert_allclose(masked_mean(values, mask), 4.0)
    gradient = jax.grad(lambda v: masked_mean(v, mask))(values)
    np.testing.assert_allclose(gradient, [[1 / 3, 0], [1 / 3, 1 / 3]], rtol=1e-6)
    assert masked_mean(values, jnp.zeros((2, 2), bool)) == 0

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.losses.expectile import expectile_loss


def test_by_hand_on_two_steps():
    loss = jax.vmap(lambda p, t: expectile_loss(p, t, 0.9))
    prediction, target = jnp.array([0.2, 0.7]), jnp.array([0.7, 0.5])
    np.testing.assert_allclose(loss(prediction, target), [0.9 * 0.25, 0.1 * 0.04], rtol=1e-5)
    gradient = jax.grad(lambda p: loss(p, target).sum())(prediction)
    np.testing.assert_allclose(gradient, [-2 * 0.9 * 0.5, 2 * 0.1 * 0.2], rtol=1e-5)


def test_the_minimiser_nears_the_maximum_of_the_data():
    """Two equally likely returns 0 and 1: the alpha-expectile m solves alpha (1 - m) = (1 - alpha) m, so m = alpha."""
    returns, grid = jnp.array([0.0, 1.0]), jnp.linspace(0, 1, 1001)
    for alpha in (0.5, 0.9, 0.99):
        total = jax.vmap(lambda m: jax.vmap(lambda r: expectile_loss(m, r, alpha))(returns).sum())(grid)  # noqa: B023
        np.testing.assert_allclose(grid[total.argmin()], alpha, atol=1e-3)

"""The clipped surrogate by hand: value and gradient in each of its four corners."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.losses.proximal import clipped_surrogate_loss


def _loss(log_prob, old, advantage):
    return clipped_surrogate_loss(log_prob, old, advantage, clip=0.2).sum()


def test_two_steps_by_hand():
    """Step 0: ratio 1.5, A = 2, clipped to 1.2 * 2, flat. Step 1: ratio 0.9, A = -1: 0.9, gradient -r A = 0.9."""
    old, advantage = jnp.log(jnp.array([0.2, 0.5])), jnp.array([2.0, -1.0])
    loss, gradient = jax.value_and_grad(_loss)(jnp.log(jnp.array([0.3, 0.45])), old, advantage)
    np.testing.assert_allclose(loss, -2.4 + 0.9, rtol=1e-5)
    np.testing.assert_allclose(gradient, [0.0, 0.9], rtol=1e-5)


def test_corners():
    ratio, advantage = jnp.array([0.5, 1.5, 0.5, 1.5]), jnp.array([1.0, 1.0, -1.0, -1.0])
    gradient = jax.grad(_loss)(jnp.log(ratio), jnp.zeros(4), advantage)
    # Only a change that has gone too far in the direction the advantage asks for is flat.
    np.testing.assert_allclose(gradient, [-0.5, 0.0, 0.0, 1.5], rtol=1e-5)


def test_only_the_new_policy_is_trained():
    _, by_old, by_advantage = jax.grad(_loss, (0, 1, 2))(jnp.zeros(2), jnp.full(2, 0.1), jnp.ones(2))
    np.testing.assert_array_equal(by_old, [0.0, 0.0])
    np.testing.assert_array_equal(by_advantage, [0.0, 0.0])

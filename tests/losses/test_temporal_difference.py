"""One-step temporal differences by hand, values and gradients, on a trajectory of two steps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.losses import temporal_difference as td

# Two steps of one episode: s0 -> s1 -> the end, rewards 1 and 2.
REWARD, TERMINATED = jnp.array([1.0, 2.0]), jnp.array([False, True])


def test_target_and_gradient_by_hand():
    """V(s1) = 4, discount 0.5: targets 1 + 2 and 2; half squared errors of Q = (2, 5), whose gradient is Q - target."""
    target = td.td_target(REWARD, TERMINATED, jnp.array([4.0, 100.0]), discount=0.5)
    np.testing.assert_allclose(target, [3.0, 2.0])
    loss, gradient = jax.value_and_grad(lambda q: td.td_loss(q[:, None], target).sum())(jnp.array([2.0, 5.0]))
    np.testing.assert_allclose(loss, 0.5 * 1.0 + 0.5 * 9.0)
    np.testing.assert_allclose(gradient, [-1.0, 3.0])


def test_each_of_two_critics_has_its_own_error():
    values = jnp.array([[2.0, 4.0], [5.0, 2.0]])
    target = jnp.array([3.0, 2.0])
    np.testing.assert_allclose(td.td_loss(values, target), [0.5 + 0.5, 4.5 + 0.0])
    np.testing.assert_allclose(jax.grad(lambda v: td.td_loss(v, target).sum())(values), [[-1.0, 1.0], [3.0, 0.0]])


def test_no_gradient_reaches_the_next_state():
    def loss(next_value):
        target = td.td_target(REWARD, TERMINATED, next_value, discount=0.5)
        return td.td_loss(jnp.zeros((2, 1)), target).sum()

    np.testing.assert_array_equal(jax.grad(loss)(jnp.array([4.0, 1.0])), [0.0, 0.0])
    np.testing.assert_array_equal(jax.grad(lambda t: td.td_loss(jnp.ones((2, 1)), t).sum())(jnp.zeros(2)), [0.0, 0.0])


def test_the_online_network_chooses_and_the_target_network_values():
    online, copy = jnp.array([[1.0, 3.0, 2.0], [9.0, 0.0, 1.0]]), jnp.array([[7.0, 5.0, 6.0], [1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(td.double_q_value(online, copy), [5.0, 1.0])
    np.testing.assert_array_equal(td.chosen_value(online, jnp.array([2, 0])), [2.0, 9.0])

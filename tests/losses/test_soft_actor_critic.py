"""Terms of soft actor-critic against the change of variables and derivatives by hand, on two steps."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jaxrec.losses import soft_actor_critic as soft

NOISE = jnp.array([[0.3], [-1.2]])
MEAN, LOG_STD = jnp.array([[0.2], [-0.5]]), jnp.array([[-0.4], [0.1]])


def test_density_of_a_squashed_normal():
    action, log_prob = soft.tanh_gaussian(MEAN, LOG_STD, NOISE)
    before = np.asarray(MEAN) + np.exp(np.asarray(LOG_STD)) * np.asarray(NOISE)
    expected = stats.norm(MEAN, np.exp(LOG_STD)).logpdf(before) - np.log(1 - np.tanh(before) ** 2)
    np.testing.assert_allclose(action, np.tanh(before), rtol=1e-6)
    np.testing.assert_allclose(log_prob, expected[:, 0], rtol=1e-5)


def test_density_integrates_to_one():
    before = jnp.linspace(-8.0, 8.0, 4001)[:, None]
    action, log_prob = soft.tanh_gaussian(
        jnp.full_like(before, 0.7), jnp.full_like(before, -0.2), (before - 0.7) / np.exp(-0.2)
    )
    np.testing.assert_allclose(np.trapezoid(np.exp(log_prob), action[:, 0]), 1.0, atol=1e-3)


def test_far_out_actions_stay_finite():
    loss = lambda mean: soft.tanh_gaussian(mean, jnp.zeros((1, 1)), jnp.zeros((1, 1)))[1].sum()  # noqa: E731
    value, gradient = jax.value_and_grad(loss)(jnp.full((1, 1), 40.0))
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_actor_gradient_by_hand():
    """Q(a) = -(a - 0.5)^2: d/d mean of (alpha log pi - Q) is 2 alpha a + 2 (a - 0.5)(1 - a^2)."""
    alpha = 0.3

    def loss(mean):
        action, log_prob = soft.tanh_gaussian(mean, LOG_STD, NOISE)
        value = -jnp.square(action - 0.5)  # one critic: [..., 1]
        return soft.actor_loss(value, log_prob, jnp.array(alpha)).sum()

    a = np.tanh(np.asarray(MEAN) + np.exp(np.asarray(LOG_STD)) * np.asarray(NOISE))
    np.testing.assert_allclose(jax.grad(loss)(MEAN), 2 * alpha * a + 2 * (a - 0.5) * (1 - a**2), rtol=1e-5)


def test_soft_value_takes_the_smaller_critic():
    found = soft.soft_value(jnp.array([[3.0, 2.0], [1.0, 4.0]]), jnp.array([-1.0, 2.0]), jnp.array(0.5))
    np.testing.assert_allclose(found, [2.0 + 0.5, 1.0 - 1.0])


def test_temperature_gradient_by_hand():
    """d/d log alpha of -alpha (log pi + H) at alpha = 2, H = -3: entropies 1 and 4 are both above -3."""
    loss = lambda t, p: soft.temperature_loss(t, p, target_entropy=-3.0).sum()  # noqa: E731
    by_temperature, by_policy = jax.grad(loss, (0, 1))(jnp.log(2.0), jnp.array([-1.0, -4.0]))
    np.testing.assert_allclose(by_temperature, -2.0 * (-1.0 - 3.0) - 2.0 * (-4.0 - 3.0), rtol=1e-6)
    np.testing.assert_array_equal(by_policy, [0.0, 0.0])


def test_the_actor_does_not_train_the_temperature():
    loss = lambda t: soft.actor_loss(jnp.ones((1, 2)), jnp.array([0.5]), t).sum()  # noqa: E731
    assert jax.grad(loss)(jnp.array(0.3)) == 0.0

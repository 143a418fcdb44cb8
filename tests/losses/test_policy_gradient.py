"""Policy gradient terms against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jaxrec.losses import policy_gradient as pg

LOGITS = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]]))


def test_categorical_log_prob():
    found = pg.categorical_log_prob(LOGITS + 3.0, jnp.array([0, 2]))
    np.testing.assert_allclose(found, np.log([0.5, 0.05]), rtol=1e-5)


def test_categorical_entropy():
    expected = [1.5 * np.log(2.0), -(0.9 * np.log(0.9) + 0.1 * np.log(0.05))]
    np.testing.assert_allclose(pg.categorical_entropy(LOGITS), expected, rtol=1e-5)


def test_entropy_of_masked_actions_is_finite_and_so_is_its_gradient():
    logits = jnp.array([0.0, 0.0, -jnp.inf])
    np.testing.assert_allclose(pg.categorical_entropy(logits), np.log(2.0), rtol=1e-6)
    assert np.isfinite(jax.grad(lambda x: pg.categorical_entropy(jnp.append(x, -jnp.inf)))(jnp.zeros(2))).all()


def test_gaussian_terms():
    mean, log_std, action = jnp.array([[0.5, -1.0]]), jnp.array([0.2, -0.3]), jnp.array([[0.1, 0.4]])
    normal = stats.norm(np.asarray(mean), np.exp(np.asarray(log_std)))
    np.testing.assert_allclose(pg.gaussian_log_prob(mean, log_std, action), normal.logpdf(action).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(pg.gaussian_entropy(log_std), normal.entropy().sum(), rtol=1e-5)


def test_the_gradient_is_that_of_the_score_function():
    """d/dlogits of -log pi(a) * A is (pi - onehot(a)) * A."""
    advantage = 2.0

    def loss(logits):
        return pg.policy_gradient_loss(pg.categorical_log_prob(logits, jnp.array(1)), jnp.array(advantage))

    found = jax.grad(loss)(LOGITS[0])
    np.testing.assert_allclose(found, advantage * np.array([0.5, 0.25 - 1.0, 0.25]), rtol=1e-5)


def test_advantages_and_targets_are_constants():
    by_advantage = jax.grad(lambda a: pg.policy_gradient_loss(jnp.array(-0.7), a))(jnp.array(2.0))
    by_target = jax.grad(lambda t: pg.value_loss(jnp.array(1.0), t))(jnp.array(3.0))
    assert by_advantage == 0.0 and by_target == 0.0
    np.testing.assert_allclose(jax.grad(lambda v: pg.value_loss(v, jnp.array(3.0)))(jnp.array(1.0)), -2.0)

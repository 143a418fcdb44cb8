"""Policy gradient terms against closed forms."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from jaxrec.losses import policy_gradient as pg

LOGITS = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05]]))


def test_categorical_terms():
    log_prob, entropy = pg.categorical_terms(LOGITS + 3.0, jnp.array([0, 2]))
    np.testing.assert_allclose(log_prob, np.log([0.5, 0.05]), rtol=1e-5)
    np.testing.assert_allclose(entropy, [1.5 * np.log(2.0), -(0.9 * np.log(0.9) + 0.1 * np.log(0.05))], rtol=1e-5)


def test_gradients_are_those_of_the_textbook_forms():
    logits = jax.random.normal(jax.random.key(0), (5, 7)) * 3.0
    action = jnp.array([0, 6, 3, 3, 1])

    def textbook(logits):
        log_prob = jax.nn.log_softmax(logits)
        entropy = -(jnp.exp(log_prob) * log_prob).sum(-1)
        return (log_prob[jnp.arange(5), action] - 0.3 * entropy).sum()

    def ours(logits):
        log_prob, entropy = pg.categorical_terms(logits, action)
        return (log_prob - 0.3 * entropy).sum()

    np.testing.assert_allclose(jax.grad(ours)(logits), jax.grad(textbook)(logits), atol=1e-6)


def test_masked_actions_add_nothing_and_keep_the_gradient_finite():
    def terms(logits):
        return pg.categorical_terms(jnp.append(logits, -1e9), jnp.array(0))

    np.testing.assert_allclose(terms(jnp.zeros(2)), [-np.log(2.0), np.log(2.0)], rtol=1e-6)
    for term in (0, 1):
        by_logits = jax.grad(lambda x, term=term: terms(x)[term])(jnp.array([1.0, 2.0]))
        without = jax.grad(lambda x, term=term: pg.categorical_terms(x, jnp.array(0))[term])(jnp.array([1.0, 2.0]))
        np.testing.assert_allclose(by_logits, without, rtol=1e-6)


def test_gaussian_terms():
    mean, log_std, action = jnp.array([[0.5, -1.0]]), jnp.array([0.2, -0.3]), jnp.array([[0.1, 0.4]])
    normal = stats.norm(np.asarray(mean), np.exp(np.asarray(log_std)))
    np.testing.assert_allclose(pg.gaussian_log_prob(mean, log_std, action), normal.logpdf(action).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(pg.gaussian_entropy(log_std), normal.entropy().sum(), rtol=1e-5)


def test_the_gradient_is_that_of_the_score_function():
    """d/dlogits of -log pi(a) * A is (pi - onehot(a)) * A."""
    advantage = 2.0

    def loss(logits):
        return pg.policy_gradient_loss(pg.categorical_terms(logits, jnp.array(1))[0], jnp.array(advantage))

    found = jax.grad(loss)(LOGITS[0])
    np.testing.assert_allclose(found, advantage * np.array([0.5, 0.25 - 1.0, 0.25]), rtol=1e-5)


def test_advantages_and_targets_are_constants():
    by_advantage = jax.grad(lambda a: pg.policy_gradient_loss(jnp.array(-0.7), a))(jnp.array(2.0))
    by_target = jax.grad(lambda t: pg.value_loss(jnp.array(1.0), t))(jnp.array(3.0))
    assert by_advantage == 0.0 and by_target == 0.0
    np.testing.assert_allclose(jax.grad(lambda v: pg.value_loss(v, jnp.array(3.0)))(jnp.array(1.0)), -2.0)

"""A trajectory of two steps by hand: discount 0.5, rewards 0.2 and 1, two sampled actions per state."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.losses import sampled_actions
from jaxrec.losses import temporal_difference as td

REWARD = jnp.array([[0.2], [1.0]])
ENDED = jnp.array([[False], [True]])
HERE = jnp.array([[3.0], [0.8]])  # the best value at each state
AFTER = jnp.array([[0.8], [77.0]])  # and at the one after it; nothing follows the second
TAKEN = jnp.array([[1.1], [0.4]])
SAMPLED = jnp.array([[[0.5], [2.5]], [[0.1], [9.0]]])
COUNTS = jnp.array([[True, True], [True, False]])  # the last one is the taken action


def losses(taken, sampled, here=HERE, after=AFTER):
    target = td.td_target(REWARD, ENDED, after, discount=0.5)
    below = td.td_target(jnp.zeros((2, 1)), jnp.zeros((2, 1), bool), here, discount=0.5)
    return sampled_actions.td_error(taken, target), sampled_actions.sampled_td_error(sampled, below, COUNTS)


def test_errors_by_hand():
    positive, negative = losses(TAKEN, SAMPLED)
    # 0.2 + 0.5 * 0.8 = 0.6 against 1.1; 1 against 0.4.
    np.testing.assert_allclose(positive, [[0.25], [0.36]], rtol=1e-5)
    # 0.5 * 3 = 1.5 against 0.5 and 2.5; 0.5 * 0.8 = 0.4 against 0.1, the other does not count.
    np.testing.assert_allclose(negative, [[2.0], [0.09]], rtol=1e-5)


def test_gradients_stop_at_targets_and_at_what_does_not_count():
    total = lambda *given: sum(x.sum() for x in losses(*given))  # noqa: E731
    taken, sampled, here, after = jax.grad(total, argnums=(0, 1, 2, 3))(TAKEN, SAMPLED, HERE, AFTER)
    np.testing.assert_allclose(taken, [[1.0], [-1.2]], rtol=1e-5)  # 2 (Q - target)
    np.testing.assert_allclose(sampled, [[[-2.0], [2.0]], [[-0.6], [0.0]]], rtol=1e-5)
    assert not here.any() and not after.any()


def test_heads_keep_apart():
    two = jnp.concatenate([SAMPLED, SAMPLED + 1], -1)
    target = jnp.array([[1.5, 1.5], [0.4, 0.4]])
    np.testing.assert_allclose(sampled_actions.sampled_td_error(two, target, COUNTS), [[2.0, 4.0], [0.09, 0.49]], 1e-5)


def advantage(taken, sampled, counts=COUNTS):
    return sampled_actions.advantage(taken[:, 0], sampled[..., 0], counts, highest=10.0)


def test_advantage_by_hand():
    # 1.1 - (1.1 + 0.5 + 2.5) / 3 is below 0; 0.4 - (0.4 + 0.1) / 2.
    np.testing.assert_allclose(advantage(TAKEN, SAMPLED), [0.0, 0.15], rtol=1e-5)
    one = jnp.ones((2, 1), bool)
    np.testing.assert_allclose(advantage(TAKEN, SAMPLED[:, :1], one), [0.3, 0.15], rtol=1e-5)  # half the difference
    np.testing.assert_allclose(advantage(TAKEN + 1000, SAMPLED), [10.0, 10.0])
    np.testing.assert_array_equal(advantage(TAKEN, SAMPLED, ~one & COUNTS), [0.0, 0.0])  # nothing to compare with
    for argument in (0, 1):
        assert not jax.grad(lambda *x: advantage(*x).sum(), argnums=argument)(TAKEN + 3, SAMPLED).any()

"""Relabelled returns and one-step targets by hand, padding included."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxrec.losses.relabelling import one_step_targets, relabelled_returns

REWARD = jnp.array([1.0, 2.0, 0.5, 9.0])
LOGGED = jnp.array([4.5, 3.5, 1.5, 9.0])  # the episode goes on behind the window: 1.5 after a reward of 0.5
MASK = jnp.array([True, True, True, False])


def test_a_value_above_the_logged_return_raises_every_return_before_it():
    value = jnp.array([9.0, 0.0, 5.0, 9.0])
    # R_2 = 1.5 as logged; R_1 = 2 + max(1.5, 5) = 7; R_0 = 1 + max(7, 0) = 8. V of the padding and of s_0 say nothing.
    np.testing.assert_allclose(relabelled_returns(REWARD, LOGGED, value, MASK)[:3], [8.0, 7.0, 1.5])


def test_a_low_value_leaves_the_log_as_it_is():
    value = jnp.full(4, -1.0)
    np.testing.assert_allclose(relabelled_returns(REWARD, LOGGED, value, MASK)[:3], LOGGED[:3])


def test_one_step_targets_end_on_the_logged_return():
    value = jnp.array([9.0, 0.25, 5.0, 9.0])
    np.testing.assert_allclose(one_step_targets(REWARD, LOGGED, value, MASK)[:3], [1.25, 7.0, 1.5])

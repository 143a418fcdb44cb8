"""Advantages against numbers worked out by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.losses import advantages

REWARD = jnp.array([1.0, 2.0, 3.0, 4.0])
VALUE = jnp.array([10.0, 20.0, 30.0, 40.0])
BOOTSTRAP = jnp.array(50.0)
NEVER = jnp.zeros(4, bool)
AT_1 = jnp.array([False, True, False, False])


def longest_returns(terminated, truncated, final_value=None):
    """The longest bootstrapped returns, step by step from the end, discount 0.5."""
    returns, following = [0.0] * 4, float(BOOTSTRAP)
    for t in reversed(range(4)):
        if terminated[t]:
            returns[t] = float(REWARD[t])
        elif truncated[t]:
            returns[t] = float(VALUE[t] if final_value is None else REWARD[t] + 0.5 * final_value[t])
        else:
            returns[t] = float(REWARD[t]) + 0.5 * following
        following = returns[t]
    return np.array(returns)


def gae(terminated, truncated, gae_lambda, **final):
    return advantages.generalized_advantages(
        REWARD, VALUE, BOOTSTRAP, terminated, truncated, discount=0.5, gae_lambda=gae_lambda, **final
    )


def test_the_longest_returns_by_hand():
    final = jnp.array([0.0, 6.0, 0.0, 0.0])
    np.testing.assert_allclose(longest_returns(NEVER, NEVER), [1 + 0.5 * 10.75, 2 + 0.5 * 17.5, 3 + 0.5 * 29, 29.0])
    np.testing.assert_allclose(longest_returns(AT_1, NEVER), [2.0, 2.0, 17.5, 29.0])
    np.testing.assert_allclose(longest_returns(NEVER, AT_1, final), [1 + 0.5 * 5, 5.0, 17.5, 29.0])
    np.testing.assert_allclose(longest_returns(NEVER, AT_1), [1 + 0.5 * 20, 20.0, 17.5, 29.0])


def test_advantages_at_lambda_one_are_the_longest_returns_less_the_value():
    final = jnp.array([0.0, 6.0, 0.0, 0.0])
    for ends in ((NEVER, NEVER, {}), (AT_1, NEVER, {}), (NEVER, AT_1, {}), (NEVER, AT_1, {"final_value": final})):
        terminated, truncated, extra = ends
        expected = longest_returns(terminated, truncated, **extra) - VALUE
        np.testing.assert_allclose(gae(terminated, truncated, 1.0, **extra), expected, rtol=1e-6)


def test_advantages_by_hand():
    # errors 1, -3, -7, -11 (0.5 * next - value); the recursion's factor is 0.5 * 0.5.
    np.testing.assert_allclose(gae(NEVER, NEVER, 0.5), [1 - 0.25 * 5.4375, -3 - 0.25 * 9.75, -9.75, -11.0])
    # the end at step 1 cuts the recursion: error 2 - 20 there.
    np.testing.assert_allclose(gae(AT_1, NEVER, 0.5), [1 - 0.25 * 18, -18.0, -9.75, -11.0])
    # cut off without a final value: advantage 0 there, so step 0 has its own error only.
    np.testing.assert_allclose(gae(NEVER, AT_1, 0.5), [1.0, 0.0, -9.75, -11.0])


def test_a_step_that_both_terminates_and_is_cut_off_has_terminated():
    np.testing.assert_allclose(gae(AT_1, AT_1, 0.5), gae(AT_1, NEVER, 0.5))
    assert advantages.has_target(AT_1, AT_1).all()


def test_only_cut_off_steps_are_left_out_of_training():
    np.testing.assert_array_equal(advantages.has_target(NEVER, AT_1), [True, False, True, True])
    assert advantages.has_target(NEVER, AT_1, jnp.zeros(4)).all()


def test_the_next_episode_never_leaks_back():
    def first_two(value, reward, ends):
        found = advantages.generalized_advantages(reward, value, BOOTSTRAP, *ends, discount=0.9, gae_lambda=0.9)
        return found[:2].sum()

    for ends in ((AT_1, NEVER), (NEVER, AT_1)):
        by_value, by_reward = jax.grad(first_two, (0, 1))(VALUE, REWARD, ends)
        np.testing.assert_array_equal(by_value[2:], 0.0)
        np.testing.assert_array_equal(by_reward[2:], 0.0)


def test_a_batch_without_vmap_is_refused():
    batch, ends = jnp.ones((2, 3)), jnp.zeros((2, 3), bool)
    with pytest.raises(AssertionError):
        advantages.generalized_advantages(batch, batch, BOOTSTRAP, ends, ends, discount=0.5, gae_lambda=0.5)

"""Returns against numbers worked out by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.losses import returns

REWARD = jnp.array([1.0, 2.0, 3.0, 4.0])
VALUE = jnp.array([10.0, 20.0, 30.0, 40.0])
BOOTSTRAP = jnp.array(50.0)
NEVER = jnp.zeros(4, bool)
AT_1 = jnp.array([False, True, False, False])


def n_step(terminated, truncated, n, **final):
    return returns.n_step_returns(REWARD, VALUE, BOOTSTRAP, terminated, truncated, n=n, discount=0.5, **final)


def gae(terminated, truncated, gae_lambda, **final):
    return returns.generalized_advantages(
        REWARD, VALUE, BOOTSTRAP, terminated, truncated, discount=0.5, gae_lambda=gae_lambda, **final
    )


def test_discounted_returns_stop_at_the_end_of_an_episode():
    np.testing.assert_allclose(returns.discounted_returns(REWARD, AT_1, discount=0.5), [2.0, 2.0, 5.0, 4.0])


def test_discounted_returns_add_the_bootstrap_after_the_last_step():
    found = returns.discounted_returns(REWARD, AT_1, discount=0.5, bootstrap_value=8.0)
    np.testing.assert_allclose(found, [2.0, 2.0, 7.0, 8.0])


def test_n_step_returns_without_an_end():
    np.testing.assert_allclose(n_step(NEVER, NEVER, 1), [11.0, 17.0, 23.0, 29.0])
    np.testing.assert_allclose(n_step(NEVER, NEVER, 2), [1 + 1 + 7.5, 2 + 1.5 + 10, 3 + 2 + 12.5, 29.0])
    np.testing.assert_allclose(n_step(NEVER, NEVER, 4), [1 + 0.5 * 10.75, 2 + 0.5 * 17.5, 3 + 0.5 * 29, 29.0])


def test_termination_has_no_bootstrap():
    np.testing.assert_allclose(n_step(AT_1, NEVER, 4), [2.0, 2.0, 17.5, 29.0])


def test_truncation_uses_the_final_value_and_never_the_next_episode():
    final = jnp.array([0.0, 6.0, 0.0, 0.0])
    np.testing.assert_allclose(n_step(NEVER, AT_1, 4, final_value=final), [1 + 0.5 * 5, 5.0, 17.5, 29.0])


def test_truncation_without_a_final_value_falls_back_on_the_value_of_its_own_step():
    np.testing.assert_allclose(n_step(NEVER, AT_1, 4), [1 + 0.5 * 20, 20.0, 17.5, 29.0])


def test_advantages_at_lambda_one_are_the_longest_returns_less_the_value():
    final = jnp.array([0.0, 6.0, 0.0, 0.0])
    for ends in ((NEVER, NEVER, {}), (AT_1, NEVER, {}), (NEVER, AT_1, {}), (NEVER, AT_1, {"final_value": final})):
        terminated, truncated, extra = ends
        expected = n_step(terminated, truncated, 4, **extra) - VALUE
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
    assert returns.trained(AT_1, AT_1).all()


def test_only_cut_off_steps_are_left_out_of_training():
    np.testing.assert_array_equal(returns.trained(NEVER, AT_1), [True, False, True, True])
    assert returns.trained(NEVER, AT_1, jnp.zeros(4)).all()


def test_the_next_episode_never_leaks_back():
    def first_two(value, reward, ends):
        found = returns.generalized_advantages(reward, value, BOOTSTRAP, *ends, discount=0.9, gae_lambda=0.9)
        return found[:2].sum()

    for ends in ((AT_1, NEVER), (NEVER, AT_1)):
        by_value, by_reward = jax.grad(first_two, (0, 1))(VALUE, REWARD, ends)
        np.testing.assert_array_equal(by_value[2:], 0.0)
        np.testing.assert_array_equal(by_reward[2:], 0.0)


def test_a_batch_without_vmap_is_refused():
    with pytest.raises(AssertionError):
        returns.discounted_returns(jnp.ones((2, 3)), jnp.zeros((2, 3), bool), discount=0.5)

"""A2C: what its update computes, what its policy remembers, and that it learns."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.actor_critic import a2c, user_state
from jaxrec.base.records import Observation, Steps
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import rollout
from jaxrec.training import loop
from jaxrec.training.sources import OnPolicyBatch
from tests.algorithms.actor_critic import problems


def tiny(**changes):
    config = a2c.defaults()
    config.update({"width": 4, "hidden": (8,), "num_envs": 4, "num_steps": 5} | changes)
    return config


def observed(item, feedback, turn):
    item, turn = jnp.asarray(item, jnp.int32), jnp.asarray(turn, jnp.int32)
    return Observation(jnp.zeros_like(item), item, jnp.asarray(feedback, jnp.float32), turn, jnp.zeros((len(item), 0)))


def play(env, env_params, policy, params, selection="greedy", num_envs=64, num_steps=12):
    """Mean return and length of whole episodes."""

    @jax.jit
    def episodes(env_params, params, key):
        key_start, key_play = jax.random.split(key)
        state = rollout.start(env, env_params, policy, params, key_start, num_envs)
        return rollout.rollout(
            env, env_params, policy, params, state, key_play, num_steps=num_steps, auto_reset=False, selection=selection
        )[1]

    steps = episodes(env_params, params, jax.random.key(5))
    return float(steps.reward.sum() / num_envs), float(steps.mask.sum() / num_envs)


def learned(matrix, remembered=3, num_steps=250, **rules):
    """Greedy (return, length) after training."""
    env, env_params, spec = problems.environment(matrix, **rules)
    config = tiny(width=8, hidden=(32,), window=remembered, num_envs=64, num_steps=10, entropy_weight=0.02)
    algorithm = a2c.make(config, spec)
    state = loop.fit(algorithm.learner, algorithm.source, env_params, num_steps=num_steps, steps_per_call=num_steps)
    params = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf[0])), state.params)
    return play(env, env_params, algorithm.policy, params)


def test_finds_each_users_own_best_items_from_feedback_alone():
    """No exits, 12 turns: the first item is a guess, feedback tells the rest.

    A policy that first shows item 0, then repeats it or turns to item 2, earns 12 * 5 or 1 + 11 * 5: 58 on average. One
    item for everybody earns at most 12 * 3 = 36, a random policy (5 + 4 + 4) / 6 * 12 = 26.
    """
    trained, length = learned(problems.tastes(), exits=False, max_turn=12)
    assert length == 12.0
    assert 50.0 < trained <= 58.5


def test_learns_to_stay_by_alternating():
    """An item repeated within two turns drives users off, so that the best cycle of three items never ends.

    All users agree: 5, 4.5, 4 and little else. The cycle earns 12 * 4.5 = 54, the next best one 45; the best item over
    and over ends after two turns with 10. The state is a mean, so it must not hold the whole cycle: two pairs, not 3.
    """
    matrix = np.tile([5.0, 4.5, 4.0, 1.0, 1.3, 1.6], (8, 1))
    trained, length = learned(matrix, remembered=2, window=2, threshold=0.5, max_turn=12)
    assert length > 11.5
    assert 50.0 < trained <= 54.5


def test_update_by_hand():
    """One user, two steps, all weights zero: value 0, uniform policy, so that every term has a closed form."""
    spec = EnvironmentSpec(num_users=1, num_items=4, max_turn=9, reward_range=(0.0, 2.0))
    config = tiny(window=1, value_weight=0.5, entropy_weight=0.1, discount=0.5)
    algorithm = a2c.make(config, spec)
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    state = state.replace(params=jax.tree.map(jnp.zeros_like, state.params))
    first, second = observed([0], [0.0], [0]), observed([1], [2.0], [1])
    history = algorithm.policy.init(state.params, 1)
    carries = [user_state.push(history, first)]
    carries.append(user_state.push(carries[0], second))

    def stack(*parts):
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)

    never = jnp.zeros((2, 1), bool)
    steps = Steps(
        observation=stack(first, second),
        action=jnp.array([[1], [2]], jnp.int32),
        reward=jnp.array([[2.0], [1.0]]),
        terminated=never,
        truncated=never,
        mask=~never,
        carry=stack(*carries),
    )
    update = jax.jit(algorithm.learner.update)
    _, metrics = update(state, OnPolicyBatch(steps, observed([2], [1.0], [2]), carries[1]), jax.random.key(1))
    # Rewards over 2: 1 and 0.5; returns 1.25 and 0.5.
    np.testing.assert_allclose(metrics["loss/policy"], np.log(4.0) * (1.25 + 0.5) / 2, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/value"], 0.5 * 0.5 * (1.25**2 + 0.5**2) / 2, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/entropy"], -0.1 * np.log(4.0), rtol=1e-5)
    # A cut-off second step is not trained on; the first bootstraps from its value, 0.
    cut = steps.replace(truncated=jnp.array([[False], [True]]))
    _, metrics = update(state, OnPolicyBatch(cut, first, carries[1]), jax.random.key(1))
    np.testing.assert_allclose(metrics["loss/value"], 0.5 * 0.5 * 1.0, rtol=1e-5)


@pytest.mark.parametrize("encoder", ["average", "gru", "sasrec"])
def test_policy_sees_its_window_and_nothing_before_it(encoder):
    spec = EnvironmentSpec(num_users=2, num_items=5, max_turn=9)
    algorithm = a2c.make(tiny(encoder=encoder, window=2), spec)
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params
    params["actor_critic"]["actor"]["kernel"] = params["actor_critic"]["actor"]["kernel"] * 100

    act = jax.jit(algorithm.policy.act)

    def logits(items, turns):
        carry = algorithm.policy.init(params, 1)
        for item, turn in zip(items, turns, strict=True):
            carry, output = act(params, carry, observed([item], [1.0], [turn]), jax.random.key(0))
        return np.asarray(output)

    same = logits([1, 2, 3], [0, 1, 2])
    np.testing.assert_allclose(logits([4, 2, 3], [0, 1, 2]), same, atol=1e-6)  # fell out of the window
    assert abs(logits([1, 4, 3], [0, 1, 2]) - same).max() > 1e-3
    restarted = logits([1, 2, 3], [0, 1, 0])
    np.testing.assert_allclose(restarted, logits([3], [0]), atol=1e-6)


def test_recorded_histories_give_the_acting_policys_logits():
    """The update must differentiate the policy that acted: same params, same logits."""
    env, env_params, spec = problems.environment(problems.tastes(), exits=False, max_turn=4)
    algorithm = a2c.make(tiny(), spec)
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params
    state = jax.jit(algorithm.source.init)(env_params, params, jax.random.key(1))
    _, batch = jax.jit(algorithm.source.next)(env_params, state, params, jax.random.key(2))
    carry, act = algorithm.policy.init(params, 4), jax.jit(algorithm.policy.act)
    for t in range(5):
        now = jax.tree.map(lambda leaf, t=t: leaf[t], batch.steps.observation)
        carry, _ = act(params, carry, now, jax.random.key(3))
        jax.tree.map(np.testing.assert_array_equal, carry, jax.tree.map(lambda leaf, t=t: leaf[t], batch.steps.carry))
    jax.tree.map(np.testing.assert_array_equal, carry, batch.last_carry)
    assert batch.steps.truncated[3].all()  # so the run above crossed the start of an episode


def test_continuous_actions_come_from_the_vector_with_noise_only_while_exploring():
    spec = EnvironmentSpec(num_users=1, num_items=0, max_turn=9, observation_size=3, action_size=2)
    algorithm = a2c.make(tiny(), spec)
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params
    assert "encoder" not in params
    seen = observed([0, 0], [0.0, 0.0], [0, 0]).replace(vector=jnp.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]]))
    carry, action = algorithm.policy.act(params, (), seen, jax.random.key(0))
    _, again = algorithm.policy.act(params, (), seen, jax.random.key(1))
    assert carry == () and action.shape == (2, 2) and abs(action).max() < 1.0
    np.testing.assert_array_equal(action, again)


def test_continuous_update_by_hand():
    """One step, all weights zero, unit noise: the action (1, 2) has log density -2.5 - log(2 pi)."""
    spec = EnvironmentSpec(
        num_users=1, num_items=0, max_turn=9, observation_size=3, action_size=2, reward_range=(0.0, 1.0)
    )
    algorithm = a2c.make(tiny(entropy_weight=0.1), spec)
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    state = state.replace(params=jax.tree.map(jnp.zeros_like, state.params))
    seen = observed([0], [0.0], [0]).replace(vector=jnp.ones((1, 3)))
    steps = Steps(
        observation=jax.tree.map(lambda leaf: leaf[None], seen),
        action=jnp.array([[[1.0, 2.0]]]),
        reward=jnp.array([[0.5]]),
        terminated=jnp.array([[True]]),
        truncated=jnp.array([[False]]),
        mask=jnp.array([[True]]),
        carry=(),
    )
    _, metrics = jax.jit(algorithm.learner.update)(state, OnPolicyBatch(steps, seen, ()), jax.random.key(1))
    np.testing.assert_allclose(metrics["loss/policy"], 0.5 * (2.5 + np.log(2 * np.pi)), rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/entropy"], -0.1 * (np.log(2 * np.pi) + 1.0), rtol=1e-5)

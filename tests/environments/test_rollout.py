"""Rollouts: auto-reset, episodes that end, repeats forbidden, recorded carries, and both ways to reset rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.contracts import Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.environments import feedback_matrix, rollout
from tests.environments import play


@pytest.fixture(scope="module")
def world():
    return feedback_matrix.make(
        play.config(threshold=4.0, max_turn=6), interactions=play.log(), user_model=play.factors()
    )


def _roll(world, policy, *, num_envs=40, num_steps=25, seed=0, **options):
    env, params = world
    key = jax.random.key(seed)

    @jax.jit
    def play_on(params):
        state = rollout.start(env, params, policy, None, key, num_envs)
        return rollout.rollout(env, params, policy, None, state, key, num_steps=num_steps, **options)

    return jax.tree.map(np.asarray, play_on(params))


def test_auto_reset_begins_a_new_episode_where_one_ended(world):
    state, steps = _roll(
        world, play.random_policy(play.ITEMS), auto_reset=True, selection="sample", record=lambda carry: carry
    )
    done = steps.terminated | steps.truncated
    assert steps.mask.all() and np.asarray(state.alive).all()
    turn = steps.observation.turn
    assert (turn[0] == 0).all()
    assert np.array_equal(turn[1:], np.where(done[:-1], 0, turn[:-1] + 1))
    assert (steps.observation.feedback[1:][done[:-1]] == 0).all()
    same_user = steps.observation.user[1:] == steps.observation.user[:-1]
    assert same_user[~done[:-1]].all() and not same_user[done[:-1]].all()
    assert np.array_equal(steps.carry, turn)  # the carry as it was after this observation
    assert steps.truncated.any() and steps.terminated.any()


def test_two_rollouts_in_a_row_go_on_where_the_first_stopped(world):
    env, params = world
    policy, key = play.random_policy(play.ITEMS), jax.random.key(1)
    state = jax.jit(lambda: rollout.start(env, params, policy, None, key, 30))()
    three_turns = jax.jit(
        lambda state: rollout.rollout(
            env, params, policy, None, state, key, num_steps=3, auto_reset=True, selection="sample"
        )
    )
    for _ in range(2):
        after, steps = three_turns(state)
        assert np.array_equal(steps.observation.user[0], state.observation.user)
        done = np.asarray(steps.terminated[-1] | steps.truncated[-1])
        assert np.array_equal(after.observation.turn, np.where(done, 0, steps.observation.turn[-1] + 1))
        state = after


def test_ended_rows_stand_still(world):
    state, steps = _roll(world, play.random_policy(play.ITEMS), auto_reset=False, selection="sample")
    assert not np.asarray(state.alive).any()
    lengths = steps.mask.sum(0)
    assert np.array_equal(state.observation.turn, lengths) and np.array_equal(state.env_state.time, lengths)
    assert np.array_equal(steps.mask, np.arange(25)[:, None] < lengths)
    assert (steps.terminated | steps.truncated).sum() == 40


def test_greedy_takes_the_best_item_not_yet_taken(world):
    preference = jnp.asarray(np.random.default_rng(0).permutation(play.ITEMS).astype(np.float32))
    policy = Policy(
        init=lambda params, num_users: (),
        act=lambda params, carry, observation, key: (
            carry,
            jnp.broadcast_to(preference, (observation.turn.shape[0], play.ITEMS)),
        ),
    )
    env, params = world
    params = params.replace(exits=jnp.asarray(False))
    sizes = {"num_envs": 3, "num_steps": 6, "auto_reset": False, "selection": "greedy"}
    _, steps = _roll((env, params), policy, **sizes, no_repeats=True)
    assert np.array_equal(steps.action, np.repeat(np.argsort(-preference)[:6, None], 3, 1))
    _, steps = _roll((env, params), policy, **sizes)
    assert (steps.action == int(jnp.argmax(preference))).all()


def test_forbidden_repeats_are_forgotten_with_the_episode(world):
    env, params = world
    params = params.replace(exits=jnp.asarray(False), max_steps_in_episode=play.ITEMS)
    _, steps = _roll(
        (env, params),
        play.random_policy(play.ITEMS),
        num_steps=3 * play.ITEMS,
        auto_reset=True,
        selection="sample",
        no_repeats=True,
    )
    for episode in range(3):
        part = steps.action[episode * play.ITEMS : (episode + 1) * play.ITEMS]
        assert (np.sort(part, 0) == np.arange(play.ITEMS)[:, None]).all()


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_resetting_in_chunks_gives_the_same_rows(world, chunk):
    env, params = world
    policy, key = play.random_policy(play.ITEMS), jax.random.key(0)
    state = jax.jit(lambda: rollout.start(env, params, policy, None, key, 20))()

    @jax.jit
    def both(done):
        arguments = env, params, jax.random.split(key, 20), done, state.observation, state.env_state
        return rollout._reset_all(*arguments), rollout._reset_in_chunks(*arguments, chunk)

    for done in (np.zeros(20, bool), np.ones(20, bool), np.arange(20) % 3 == 0):
        plain, chunked = both(done)
        assert all(jax.tree.leaves(jax.tree.map(np.array_equal, plain, chunked)))


@pytest.mark.parametrize("options", [{"selection": "best"}, {"selection": "greedy", "no_repeats": True}])
def test_what_cannot_be_is_refused(world, options):
    env, params = world
    if "no_repeats" in options:

        class Continuous(type(env)):
            has_item_actions = False

        env = Continuous(params)
    with pytest.raises(JaxrecError):
        _roll((env, params), play.random_policy(play.ITEMS), auto_reset=False, **options)

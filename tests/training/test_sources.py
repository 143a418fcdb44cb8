"""Sources on worlds small enough to say what every batch must hold."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.environments import feedback_matrix
from jaxrec.training import sources
from tests.environments import play
from tests.training import problems

MAX_TURN = 4


@pytest.fixture(scope="module")
def world():
    config = play.config(threshold=4.0, max_turn=MAX_TURN, split="all")
    return feedback_matrix.make(config, interactions=play.log(), user_model=play.factors())


def test_on_policy_goes_on_where_it_stood(world):
    env, params = world
    source = sources.on_policy(env, play.random_policy(play.ITEMS), num_envs=3, num_steps=5)
    state = source.init(params, None, jax.random.key(0))
    turns, done = [], []
    for i in range(3):
        state, batch = source.next(params, state, None, jax.random.key(i + 1))
        turns.append(batch.steps.observation.turn)
        done.append(batch.steps.terminated | batch.steps.truncated)
        np.testing.assert_array_equal(batch.last_carry, batch.steps.carry[-1])
    turns, done = np.concatenate(turns), np.concatenate(done)
    assert turns.shape == (15, 3) and batch.steps.mask.all()
    np.testing.assert_array_equal(turns[1:], np.where(done[:-1], 0, turns[:-1] + 1))
    assert done.any() and not done.all()


@pytest.mark.parametrize(("num_steps", "rounds"), [(5, 3), (1, 12)])
def test_replayed_transitions_are_neighbours_and_cuts_carry_no_weight(world, num_steps, rounds):
    env, params = world
    options = {"num_envs": 4, "num_steps": num_steps, "capacity": 60, "batch_size": 40, "warmup": 40}
    source = sources.replay(env, play.random_policy(play.ITEMS), **options)
    state = jax.jit(source.init)(params, None, jax.random.key(0))
    assert int(state.size) == int(state.position) == 10
    following = jax.jit(source.next)
    drawn = []
    for i in range(rounds):
        state, batch = following(params, state, None, jax.random.key(i + 1))
        drawn.append(batch)
    assert int(state.size) == 15 and int(state.position) == (10 + rounds * num_steps) % 15  # the ring went round
    batch = jax.tree.map(lambda *parts: np.concatenate(parts), *drawn)
    turn, after = batch.observation.turn, batch.next_observation.turn
    np.testing.assert_array_equal(batch.carry, turn)
    np.testing.assert_array_equal(batch.next_carry, after)
    ended = batch.terminated | (turn == MAX_TURN - 1)
    np.testing.assert_array_equal(after, np.where(ended, 0, turn + 1))
    cut = (turn == MAX_TURN - 1) & ~batch.terminated
    np.testing.assert_array_equal(batch.weight, 1.0 - cut)
    assert cut.any() and batch.terminated.any() and batch.action.shape == (rounds * 40,)
    same = batch.next_observation.user == batch.observation.user
    assert same[~ended].all()  # neighbours of one user, not of one row's neighbour
    np.testing.assert_array_equal(batch.next_observation.item[~ended], batch.action[~ended])
    np.testing.assert_array_equal(batch.next_observation.feedback[~ended], batch.reward[~ended])


def test_the_time_limit_may_be_the_end_of_an_episode(world):
    """As in EasyRL4Rec: the step that the limit cuts counts as terminated, and its transition as any other."""
    env, params = world
    policy, keys = play.random_policy(play.ITEMS), jax.random.split(jax.random.key(0), 2)
    batches = {}
    for limit in sources.TIME_LIMITS:
        source = sources.on_policy(env, policy, num_envs=6, num_steps=8, time_limit=limit)
        batches[limit] = source.next(params, source.init(params, None, keys[0]), None, keys[1])[1].steps
    ours, theirs = batches["truncation"], batches["terminal"]
    np.testing.assert_array_equal(theirs.terminated, ours.terminated | ours.truncated)
    np.testing.assert_array_equal(theirs.reward, ours.reward)
    assert not theirs.truncated.any() and (ours.truncated & ~ours.terminated).any()
    options = {"num_envs": 4, "num_steps": 5, "capacity": 60, "batch_size": 40, "time_limit": "terminal"}
    source = sources.replay(env, policy, **options)
    _, batch = jax.jit(source.next)(params, source.init(params, None, keys[0]), None, keys[1])
    assert batch.weight.all() and batch.terminated[batch.observation.turn == MAX_TURN - 1].all()
    with pytest.raises(JaxrecError, match="time_limit is 'never'"):
        sources.on_policy(env, policy, num_envs=6, num_steps=8, time_limit="never")


def test_replay_that_cannot_hold_a_batch_is_refused(world):
    with pytest.raises(JaxrecError, match="capacity 40 does not hold a batch of 64"):
        sources.replay(world[0], None, num_envs=4, num_steps=5, capacity=40, batch_size=64)


def test_mixture_joins_its_parts_in_their_proportions():
    parts = {"logged": sources.logged(problems.view(6)), "fresh": sources.logged(problems.view(2))}
    data = {"logged": problems.data(), "fresh": {"x": np.full((4, 3), 7.0), "y": np.zeros(4)}}
    source = sources.mixture(parts)
    state = source.init(data, None, jax.random.key(0))
    _, batch = source.next(jax.tree.map(jnp.asarray, data), state, None, jax.random.key(1))
    assert batch["x"].shape == (8, 3)
    assert (np.asarray(batch["x"]) == 7.0).all(1).sum() == 2


def test_streamed_batches_follow_from_seed_and_step_alone():
    records = [{"row": np.int32(i)} for i in range(10)]
    first, second = (sources.streamed(records, batch_size=4, seed=s) for s in (3, 3))
    whole, part = first.stream(0, 5), second.stream(3, 2)
    np.testing.assert_array_equal(whole["batches"]["row"][3:], part["batches"]["row"])
    epoch = whole["batches"]["row"][:2].reshape(-1)
    assert len(set(epoch.tolist())) == 8  # within a pass no record comes twice
    other = sources.streamed(records, batch_size=4, seed=4).stream(0, 5)
    assert (other["batches"]["row"] != whole["batches"]["row"]).any()
    with pytest.raises(JaxrecError, match="do not fill one batch of 40"):
        sources.streamed(records, batch_size=40)

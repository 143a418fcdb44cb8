"""Five-value steps equal the environment's own six, and trainers that unpack five learn from them."""

from __future__ import annotations

import copy
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import struct
from gymnax.environments import spaces

from jaxrec.base.errors import JaxrecError
from jaxrec.environments import bridges
from tests.environments import play
from tests.environments.bridges import small


@pytest.fixture(scope="module")
def world():
    return small.make()


def _play(env, params, keys, actions):
    """What one user's steps gave, one after the other."""

    def step(state, at):
        key, action = at
        _, state, *rest = made = env.step(key, state, action, params)
        return state, (made[0], *rest)

    return jax.lax.scan(step, env.reset(keys[0], params)[1], (keys[1:], actions))[1]


@pytest.mark.parametrize("observation", ["compact", "one_hot"])
def test_a_thousand_random_actions_give_what_the_environment_itself_gives(world, observation):
    keys = jax.random.split(jax.random.key(0), 1001)
    actions = jax.random.randint(jax.random.key(1), (1000,), 0, play.ITEMS)
    five, five_params = bridges.five_values(*world, observation=observation)
    own, reward, terminated, truncated, own_info = jax.jit(lambda p: _play(world[0], p, keys, actions))(world[1])
    flat, five_reward, done, info = jax.jit(lambda p: _play(five, p, keys, actions))(five_params)
    assert np.array_equal(five_reward, reward) and np.array_equal(done, terminated | truncated)
    assert np.array_equal(info["terminated"], terminated) and np.array_equal(info["truncated"], truncated)
    assert (terminated & ~truncated).any() and (truncated & ~terminated).any() and not done.all()
    for written, said in ((flat, own), (info["final_observation"], own_info["final_observation"])):
        written = np.asarray(written)
        assert written.shape == (1000, *five.observation_space(five_params).shape)
        if observation == "compact":
            user, item = written[:, 0] * (play.USERS - 1), written[:, 1] * (play.ITEMS - 1)
        else:
            user, item = written[:, : play.USERS].argmax(1), written[:, play.USERS : -2].argmax(1)
        np.testing.assert_allclose(user, said.user, atol=1e-4)
        np.testing.assert_allclose(item, said.item, atol=1e-4)
        np.testing.assert_allclose(written[:, -2], said.feedback, rtol=1e-6)
        np.testing.assert_allclose(written[:, -1] * small.MAX_TURN, said.turn, atol=1e-4)


def test_observations_are_in_their_space_and_as_wide_as_they_say(world):
    for observation, width in (("compact", 4), ("one_hot", play.USERS + play.ITEMS + 2)):
        five, params = bridges.five_values(*world, observation=observation)
        space = five.observation_space(params)
        assert isinstance(space, spaces.Box) and space.shape == (width,) and five.action_space(params).n == play.ITEMS
        assert bool(space.contains(five.reset(jax.random.key(0), params)[0]))


def test_nx_masks_what_was_recommended_until_the_episode_ends(world):
    five, params = bridges.five_values(*world, mode="NX_4")
    _, state = five.reset(jax.random.key(0))
    assert np.asarray(five.action_mask(state)).all()
    for action in (3, 8, 5):
        _, state, _, done, _ = five.step(jax.random.key(action), state, action)
        assert not done
    assert set(np.flatnonzero(~np.asarray(five.action_mask(state)))) == {3, 8, 5}
    _, state, _, done, info = five.step(jax.random.key(9), state, 0)
    assert done and info["truncated"] and not info["terminated"] and np.asarray(five.action_mask(state)).all()
    free, _ = bridges.five_values(*world)
    assert np.asarray(free.action_mask(free.step(jax.random.key(1), free.reset(jax.random.key(0))[1], 3)[1])).all()


def test_the_starting_item_is_forbidden_after_the_first_turn_where_asked(world):
    for forbid_start in (False, True):
        five, params = bridges.five_values(*world, mode="NX_4", forbid_start=forbid_start)
        observation, state = five.reset(jax.random.key(0))
        start = small.read(np.asarray(observation), 4)[1]
        assert np.asarray(five.action_mask(state)).all()
        _, state, *_ = five.step(jax.random.key(1), state, (start + 1) % play.ITEMS)
        assert bool(five.action_mask(state)[start]) is not forbid_start


def test_two_bridges_of_one_environment_share_their_programs(world):
    one, _ = bridges.five_values(*world)
    same, other = bridges.five_values(*world)[0], bridges.five_values(*world, mode="NX_0")[0]
    assert one == same and hash(one) == hash(same) and one != other
    assert copy.deepcopy(one).num_actions == play.ITEMS  # a trainer may copy its config, environment included


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observation": "dense"}, "observation is 'dense'; set it to one of compact, one_hot"),
        ({"mode": "NX"}, "evaluation mode 'NX' is unknown"),
        ({"mode": "NX_99"}, "asks for 99 different items"),
        ({"mode": "NX_14", "forbid_start": True}, "asks for 15 different items, but there are 14"),
    ],
)
def test_mistakes_are_one_clear_line(world, options, message):
    with pytest.raises(JaxrecError, match=message):
        bridges.five_values(*world, **options)


@struct.dataclass
class _Logged:
    env_state: object
    running: jax.Array
    returned: jax.Array


class _Log:
    """Adds the return of the last episode that ended to `info`, as such wrappers do: in place, from int zeros."""

    def __init__(self, env):
        self._env = env

    def __getattr__(self, name):
        return getattr(self._env, name)

    @partial(jax.jit, static_argnums=0)
    def reset(self, key, params=None):
        observation, state = self._env.reset(key, params)
        return observation, _Logged(state, 0, 0)

    @partial(jax.jit, static_argnums=0)
    def step(self, key, state, action, params=None):
        observation, env_state, reward, done, info = self._env.step(key, state.env_state, action, params)
        total = state.running + reward
        state = _Logged(env_state, total * (1 - done), state.returned * (1 - done) + total * done)
        info["returned_episode_returns"], info["returned_episode"] = state.returned, done
        return observation, state, reward, done, info


def test_a_trainer_written_for_five_values_learns(world):
    """Policy gradient over 16 users at once, all of it in one jitted function, in the manner of purejaxrl's scripts.

    Users never leave, so that an episode has six turns; the best item for everyone pays more than a random one.
    """
    env, params = world
    env, params = bridges.five_values(env, params.replace(exits=jnp.zeros((), bool)), observation="one_hot")
    env = _Log(env)
    shape = (*env.observation_space(params).shape, env.action_space(params).n)
    tx = optax.adam(0.05)

    def update(carry, key):
        weights, opt_state, state, observation = carry

        def turn(carry, key):
            state, observation = carry
            key_act, key_step = jax.random.split(key)
            action = jax.random.categorical(key_act, observation @ weights)
            keys = jax.random.split(key_step, 16)
            after, state, reward, done, info = jax.vmap(env.step, (0, 0, 0, None))(keys, state, action, params)
            return (state, after), (observation, action, reward, done, info)

        (state, observation), played = jax.lax.scan(turn, (state, observation), jax.random.split(key, 12))
        seen, action, reward, done, info = played
        future = jax.lax.scan(
            lambda r, at: ((at[0] + r * (1 - at[1])),) * 2, jnp.zeros(16), (reward, done), reverse=True
        )[1]
        advantage = future - future.mean()

        def loss(weights):
            chosen = jnp.take_along_axis(jax.nn.log_softmax(seen @ weights), action[..., None], -1)[..., 0]
            return -(chosen * advantage).mean()

        updates, opt_state = tx.update(jax.grad(loss)(weights), opt_state)
        return (optax.apply_updates(weights, updates), opt_state, state, observation), info

    @jax.jit
    def train(key):
        key_reset, key_train = jax.random.split(key)
        observation, state = jax.vmap(env.reset, (0, None))(jax.random.split(key_reset, 16), params)
        weights = jnp.zeros(shape)
        carry = (weights, tx.init(weights), state, observation)
        return jax.lax.scan(update, carry, jax.random.split(key_train, 150))[1]

    info = train(jax.random.key(0))
    returned = np.asarray(info["returned_episode_returns"]).mean((1, 2))
    assert info["final_observation"].shape == (150, 12, 16, shape[0])
    matrix = np.asarray(params.rewards.matrix)
    random = small.MAX_TURN * matrix.mean()
    assert abs(returned[1:6].mean() - random) < 2.0 and returned[-10:].mean() > random + 4.0


def test_unmodified_ppo_of_rejax_learns(world):
    rejax = pytest.importorskip("rejax", reason="rejax is not installed; pip install -e '.[bridges]'")
    env, params = world
    env, params = bridges.five_values(env, params.replace(exits=jnp.zeros((), bool)), observation="one_hot")
    settings = {"num_envs": 16, "num_steps": 12, "num_minibatches": 4, "num_epochs": 4, "learning_rate": 0.01}
    ppo = rejax.get_algo("ppo").create(
        env=env, env_params=params, total_timesteps=40 * 192, eval_freq=10 * 192, **settings
    )
    _, (lengths, returns) = jax.jit(ppo.train)(jax.random.key(0))
    returns = np.asarray(returns).mean(-1)
    assert np.all(np.asarray(lengths) == small.MAX_TURN) and returns[-1] > returns[0] + 3.0

"""Policies, tiny worlds and the comparison with an oracle, shared by the tests of environments and evaluation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.base import episode_keys
from jaxrec.base.contracts import Policy
from jaxrec.base.records import TEST, TRAIN, Interactions, Steps
from jaxrec.environments import feedback_matrix, modes, rollout

USERS, ITEMS, CATEGORIES = 9, 14, 40


def log(*, observed: float = 0.6, seed: int = 0) -> Interactions:
    """Ratings 1 to 5 of some pairs, train and test apart, with 40 categories (more than one word of bits)."""
    rng = np.random.default_rng(seed)
    user, item = np.nonzero(rng.random((USERS, ITEMS)) < observed)
    return Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        feedback=rng.integers(1, 6, len(user)).astype(np.float32),
        time=np.zeros(len(user), np.int64),
        split=np.where(rng.random(len(user)) < 0.7, TRAIN, TEST).astype(np.int8),
        user_ids=np.arange(USERS),
        item_ids=np.arange(ITEMS),
        item_features={"category": rng.random((ITEMS, CATEGORIES)) < 0.08},
    )


def factors(seed: int = 1, width: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A user model with predictions on both sides of the range 1 to 5."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1.6, (USERS, width)), rng.normal(0, 1.6, (ITEMS, width)) + np.array([1.5, 0, 0])[:width]


def config(**changes):
    config = feedback_matrix.defaults()
    config.update(changes)
    return config


def random_policy(num_items: int) -> Policy:
    """Every item alike (with selection = sample)."""
    return Policy(
        init=lambda params, num_users: jnp.zeros((num_users,), jnp.int32),
        act=lambda params, carry, observation, key: (
            observation.turn,
            jnp.zeros((observation.turn.shape[0], num_items)),
        ),
        diagnostics=lambda carry: {"turn": carry},
    )


def random_vectors(size: int) -> Policy:
    def act(params, carry, observation, key):
        shape = (observation.turn.shape[0], size)
        return carry, episode_keys.draw(jax.random.uniform, key, shape, minval=-1.0, maxval=1.0)

    return Policy(init=lambda params, num_users: (), act=act)


def episodes(env, env_params, mode: str, num_envs: int, *, num_steps: int, seed: int = 0) -> Steps:
    """Steps [T, B] as numpy arrays, of the random policy without auto-reset."""
    mode = modes.parse(mode)
    params = modes.apply(mode, env, env_params)
    policy = random_policy(env.num_actions)
    key_start, key_play = jax.random.split(jax.random.key(seed))

    @jax.jit
    def play(params):
        state = rollout.start(env, params, policy, None, key_start, num_envs)
        return rollout.rollout(
            env,
            params,
            policy,
            None,
            state,
            key_play,
            num_steps=num_steps,
            auto_reset=False,
            selection="sample",
            no_repeats=mode.no_repeats,
        )[1]

    return jax.tree.map(np.asarray, play(params))


def assert_follows(steps: Steps, make_oracle) -> None:
    """Each episode, step by step: reward, end, time limit, mask and what the next observation tells."""
    fields = ("action", "reward", "terminated", "truncated", "mask")
    columns = [getattr(steps, name).T.tolist() for name in fields]
    columns += [getattr(steps.observation, name).T.tolist() for name in ("user", "item", "feedback", "turn")]
    for action, reward, terminated, truncated, mask, user, item, feedback, turn in zip(*columns, strict=True):
        oracle = make_oracle(user[0])
        for t in range(len(action)):
            expected, leaves, late = oracle.step(action[t])
            assert mask[t] and user[t] == user[0] and turn[t] == t
            assert abs(reward[t] - expected) < 1e-5 and (terminated[t], truncated[t]) == (leaves, late)
            assert t == 0 or (item[t], feedback[t]) == (action[t - 1], reward[t - 1])
            if leaves or late:
                break
        after = slice(t + 1, None)
        assert not any(mask[after] + terminated[after] + truncated[after]) and not any(reward[after])

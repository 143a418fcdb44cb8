"""Policies acting in environments: one `lax.scan` over turns, in each of which every user of the batch is acted on.

state = start(env, env_params, policy, params, key, num_envs=100)
state, steps = rollout(env, env_params, policy, params, state, key,
                       num_steps=30, auto_reset=False, selection="greedy")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base import episode_keys
from jaxrec.base.contracts import Array, Environment, Params, Policy
from jaxrec.base.episode_keys import EpisodeKey
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Steps
from jaxrec.environments import sampling

SELECTIONS = ("greedy", "sample")


@struct.dataclass
class RolloutState:
    """The state between two calls of `rollout`; the leading axis of every leaf is the batch.

    Attributes:
      env_state: the environment's own state, [B, ...].
      observation: Observation [B], by which the next action is chosen.
      carry: what the policy remembers of each user before it is shown `observation`.
      seen: bool [B, A], items recommended in the running episode; None unless repeats are forbidden.
      alive: bool [B], False once an episode is over (never with auto-reset).
    """

    env_state: Any
    observation: Observation
    carry: Any
    seen: Array | None
    alive: Array


def start(
    env: Environment,
    env_params: Any,
    policy: Policy,
    params: Params,
    key: Array | EpisodeKey,
    num_envs: int,
    *,
    no_repeats: bool = False,
) -> RolloutState:
    """Starts an episode for each of B = `num_envs` users.

    Args:
      key: an EpisodeKey where the B episodes are some of more.
      no_repeats: whether the rollouts that follow forbid repeats.
    """
    observation, env_state = jax.vmap(env.reset_env, (0, None))(_key_of_each(key, num_envs), env_params)
    seen = jnp.zeros((num_envs, env.num_actions), bool) if no_repeats else None
    return RolloutState(env_state, observation, policy.init(params, num_envs), seen, jnp.ones((num_envs,), bool))


def _key_of_each(key: Array | EpisodeKey, num_envs: int) -> Array:
    """Returns one random key for each of the B episodes, keys [B]."""
    return episode_keys.draw(jax.random.split, key, (num_envs,))


def select_rows(rows: Array, new: Any, old: Any) -> Any:
    """Returns the leaves [B, ...] of `new` in the rows where `rows`, bool [B], is True, those of `old` elsewhere."""
    return jax.tree.map(lambda n, o: jnp.where(rows.reshape(rows.shape + (1,) * (n.ndim - 1)), n, o), new, old)


def _reset_all(
    env: Environment, env_params: Any, keys: Array, done: Array, observation: Any, env_state: Any
) -> tuple[Any, Any]:
    fresh = jax.vmap(env.reset_env, (0, None))(keys, env_params)
    return select_rows(done, fresh, (observation, env_state))


def _reset_in_chunks(
    env: Environment, env_params: Any, keys: Array, done: Array, observation: Any, env_state: Any, chunk: int
) -> tuple[Any, Any]:
    """Resets the finished rows only, `chunk` of them at a time, so that the cost follows how many episodes ended."""
    size = done.shape[0]
    chunk = min(chunk, size)
    rows = jnp.nonzero(done, size=size + chunk, fill_value=size)[0]

    def reset_chunk(carry):
        first, state = carry
        chosen = jax.lax.dynamic_slice_in_dim(rows, first, chunk)
        fresh = jax.vmap(env.reset_env, (0, None))(keys[jnp.minimum(chosen, size - 1)], env_params)
        return first + chunk, jax.tree.map(lambda o, n: o.at[chosen].set(n, mode="drop"), state, fresh)

    count = jnp.sum(done)
    return jax.lax.while_loop(lambda c: c[0] < count, reset_chunk, (0, (observation, env_state)))[1]


def reset_rows(
    env: Environment, env_params: Any, key: Array | EpisodeKey, done: Array, observation: Any, env_state: Any
) -> tuple[Any, Any]:
    """Returns (observation, env_state) with new episodes in the rows where `done`, bool [B].

    With or without the environment's `reset_chunk` the rows are the same for the same key.
    """
    keys = _key_of_each(key, done.shape[0])
    if env.reset_chunk is None:
        return _reset_all(env, env_params, keys, done, observation, env_state)
    return _reset_in_chunks(env, env_params, keys, done, observation, env_state, env.reset_chunk)


def _select_item(key: EpisodeKey, logits: Array, seen: Array | None, selection: str) -> Array:
    """Selects items int32 [B] by logits [B, A], none that were seen, bool [B, A]."""
    logits = logits if seen is None else jnp.where(seen, -jnp.inf, logits)
    if selection == "greedy":
        return sampling.greedy(logits)
    uniform = episode_keys.draw(jax.random.uniform, key, logits.shape[:1], dtype=jnp.float32)
    return sampling.categorical_by(uniform, logits)


def _check_options(env: Environment, selection: str, tracks_seen: bool) -> None:
    """Raises JaxrecError for an unknown selection, or for `no_repeats` where actions are not items."""
    if selection not in SELECTIONS:
        raise JaxrecError(f"selection is {selection!r}; set it to one of {', '.join(SELECTIONS)}")
    if tracks_seen and not env.has_item_actions:
        raise JaxrecError(f"no_repeats asked of {env.name}, whose actions are not items; use the mode FB there")


def _step(
    env: Environment, env_params: Any, key: EpisodeKey, env_state: Any, action: Array
) -> tuple[Any, Any, Array, Array, Array]:
    """Returns (observation, env_state, reward, terminated, truncated), each [B]; no row is reset."""
    keys = _key_of_each(key, action.shape[0])
    observation, env_state, reward, terminated, _ = jax.vmap(env.step_env, (0, 0, 0, None))(
        keys, env_state, action, env_params
    )
    return observation, env_state, reward, terminated, jax.vmap(env.is_truncated, (0, None))(env_state, env_params)


def rollout(
    env: Environment,
    env_params: Any,
    policy: Policy,
    params: Params,
    state: RolloutState,
    key: Array | EpisodeKey,
    *,
    num_steps: int,
    auto_reset: bool,
    selection: str,
    no_repeats: bool | Array = False,
    forbid_start: bool = False,
    limit: Array | None = None,
    record: Callable[[Any], Any] | None = None,
) -> tuple[RolloutState, Steps]:
    """Plays T = `num_steps` turns of B users; returns (state to go on from, Steps [T, B]).

    Args:
      key: an EpisodeKey where the B episodes are some of more; each episode then meets the same chance whichever others
        are played beside it.
      auto_reset: whether a user's row begins a new episode when one has ended. Otherwise it stays as it is for the
        remaining turns, which are False in `Steps.mask`.
      selection: "greedy" or "sample" (from the softmax of the logits); without effect where actions are continuous.
      no_repeats: whether an item that was recommended in this episode cannot be selected again (its logit becomes
        -inf). May be a traced bool, so that one program serves both; then the items are remembered in either case.
      forbid_start: whether the item that the episode started with is forbidden as well, once the first turn is over.
        So do EasyRL4Rec's modes without repeats; without effect where repeats are allowed.
      limit: int32, turns after which an episode is truncated, where that is sooner than the environment's own limit.
      record: (policy's carry) -> what goes into `Steps.carry`, for example its diagnostics; None records nothing.

    Raises:
      JaxrecError: an unknown selection, or `no_repeats` where actions are not items.
    """
    tracks_seen = no_repeats is not False
    _check_options(env, selection, tracks_seen)
    if tracks_seen and state.seen is None:
        state = state.replace(seen=jnp.zeros((state.alive.shape[0], env.num_actions), bool))

    key = episode_keys.of(key, state.alive.shape[0])

    def turn(state: RolloutState, turn_key: Array) -> tuple[RolloutState, Steps]:
        key_act, key_select, key_step, key_reset = episode_keys.split(key.replace(key=turn_key), 4)
        carry, action = policy.act(params, state.carry, state.observation, key_act)
        if env.has_item_actions:
            action = _select_item(key_select, action, state.seen if tracks_seen else None, selection)
        observation, env_state, reward, terminated, truncated = _step(
            env, env_params, key_step, state.env_state, action
        )
        if limit is not None:
            truncated |= env_state.time >= limit
        steps = Steps(
            observation=state.observation,
            action=action,
            reward=jnp.where(state.alive, reward, 0.0),
            terminated=terminated & state.alive,
            truncated=truncated & state.alive,
            mask=state.alive,
            carry=None if record is None else record(carry),
        )
        done = terminated | truncated
        seen = state.seen
        if tracks_seen:
            rows = jnp.arange(done.shape[0])
            seen = seen.at[rows, action].set(no_repeats)
        if tracks_seen and forbid_start:
            start = jnp.where(state.observation.turn == 0, state.observation.item, action)
            seen = seen.at[rows, start].set(no_repeats)
        if auto_reset:
            observation, env_state = reset_rows(env, env_params, key_reset, done, observation, env_state)
            seen = seen & ~done[:, None] if tracks_seen else seen
            return RolloutState(env_state, observation, carry, seen, state.alive), steps
        before = (state.observation, state.env_state)
        observation, env_state = select_rows(state.alive, (observation, env_state), before)
        return RolloutState(env_state, observation, carry, seen, state.alive & ~done), steps

    return jax.lax.scan(turn, state, jax.random.split(key.key, num_steps))

"""B users side by side whose random numbers are fixed by a seed of each row: two pure functions for any number of rows.

Episode e of a row, and turn t in it, have keys of their own, folded from the row's seed. A row therefore meets the same
users whatever the other rows do, and however many there are.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.environments.bridges.five_value_steps import FiveValues, ModeState
from jaxrec.environments.rollout import select_rows


@struct.dataclass
class Rows:
    """B users, each in an episode.

    Attributes:
      seed: uint32 [B, 2], 64 random bits of each row, from which all its keys are folded.
      episode: int32 [B], the number of the running episode since the row was seeded, from 0; -1 before the first.
      observation: float32 [B, D], by which the next action is chosen.
      state: ModeState [B].
    """

    seed: Array
    episode: Array
    observation: Array
    state: ModeState


@struct.dataclass
class Turn:
    """What one turn of B users gave.

    Attributes:
      reward: float32 [B]. terminated, truncated: bool [B].
      observation: float32 [B, D], after the action and before any new episode begins.
      seen: bool [B, A], the items that may not be recommended again, at the same moment; None where items may repeat.
    """

    reward: Array
    terminated: Array
    truncated: Array
    observation: Array
    seen: Array | None


def _keys(seed: Array, episode: Array, position: Array) -> Array:
    """Returns the keys [B] of positions int32 [B]: 0 for an episode's start, t + 1 for turn t."""

    def key(words: Array, episode: Array, position: Array) -> Array:
        key = jax.random.wrap_key_data(words, impl="threefry2x32")
        return jax.random.fold_in(jax.random.fold_in(key, episode), position)

    return jax.vmap(key)(seed, episode, position)


def blank(env: FiveValues, params: Any, num_rows: int) -> Rows:
    """Returns rows before their first episode, all of whose arrays but `episode` are 0."""
    key = jax.eval_shape(jax.random.key, 0)
    shapes = jax.eval_shape(env.reset_env, key, params)
    observation, state = jax.tree.map(lambda leaf: jnp.zeros((num_rows, *leaf.shape), leaf.dtype), shapes)
    return Rows(jnp.zeros((num_rows, 2), jnp.uint32), jnp.full((num_rows,), -1, jnp.int32), observation, state)


@partial(jax.jit, static_argnames=("env",))
def begin(env: FiveValues, params: Any, rows: Rows, chosen: Array) -> Rows:
    """Returns the rows with their next episode begun where `chosen`, bool [B]."""
    episode = rows.episode + chosen
    keys = _keys(rows.seed, episode, jnp.zeros_like(episode))
    fresh = jax.vmap(env.reset_env, (0, None))(keys, params)
    observation, state = select_rows(chosen, fresh, (rows.observation, rows.state))
    return Rows(rows.seed, episode, observation, state)


@partial(jax.jit, static_argnames=("env", "same_step"))
def advance(
    env: FiveValues, params: Any, rows: Rows, action: Array, ended: Array, *, same_step: bool
) -> tuple[Rows, Turn]:
    """Plays one turn of every row; returns (rows, what the turn gave).

    Args:
      action: int32 [B], or float32 [B, D_a] where actions are continuous.
      ended: bool [B], rows whose episode was over before this turn. They begin their next episode instead of taking the
        action; their reward is 0.
      same_step: whether a row whose episode ends in this turn begins its next one in this turn as well.
    """
    keys = _keys(rows.seed, rows.episode, rows.state.env_state.time + 1)
    step = jax.vmap(env.step_env, (0, 0, 0, None))
    observation, state, reward, done, info = step(keys, rows.state, action, params)
    played = rows.replace(observation=observation, state=state)
    turn = Turn(
        reward=jnp.where(ended, 0.0, reward),
        terminated=info["terminated"] & ~ended,
        truncated=info["truncated"] & ~ended,
        observation=observation,
        seen=state.seen,
    )
    return begin(env, params, played, done if same_step else ended), turn

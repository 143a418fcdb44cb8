"""Batches gathered from logged episodes, wholly on the device.

`view(data, key) -> batch` is what `training.sources.logged` takes.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.records import Trajectories


@struct.dataclass
class Windows:
    """T consecutive steps of B episodes, padded at the end, with what a state encoder needs at each step.

    Attributes:
      item, feedback, history_mask: [B, T, W], the last W (item, feedback) pairs seen at each step, newest last; False
        before turn 0. The history may reach back before the window begins.
      vector: float32 [B, T, D_o], the environment's own features.
      timestep: int32 [B, T], the absolute turn in the episode.
      action, reward: [B, T, ...] as logged. return_to_go: float32 [B, T], undiscounted, to the episode's end.
      mask: bool [B, T], True on real steps (a prefix of each row).
    """

    item: Array
    feedback: Array
    history_mask: Array
    vector: Array
    timestep: Array
    action: Array
    reward: Array
    return_to_go: Array
    mask: Array


def windows(*, batch_size: int, context_length: int, state_window: int) -> Callable[[Trajectories, Array], Windows]:
    """A view of random windows of `context_length` steps with histories of `state_window` pairs.

    The first step is uniform over all logged steps: an episode is drawn in proportion to its length and the start is
    uniform within it, so windows near the end are shorter (Decision Transformer's sampling).
    """

    def view(data: Trajectories, key: Array) -> Windows:
        lengths = data.mask.sum(1)
        ends = jnp.cumsum(lengths)
        step = jax.random.randint(key, (batch_size,), 0, ends[-1])
        episode = jnp.searchsorted(ends, step, side="right")
        start = step - (ends - lengths)[episode]
        return gather(data, episode, start, context_length=context_length, state_window=state_window)

    return view


def gather(data: Trajectories, episode: Array, start: Array, *, context_length: int, state_window: int) -> Windows:
    """The windows that begin at column `start` int32 [B] of row `episode` int32 [B]."""
    horizon = data.mask.shape[1]
    column = start[:, None] + jnp.arange(context_length)[None]
    mask = (column < horizon) & _take(data.mask, episode, column)
    pair = column[:, :, None] + jnp.arange(1 - state_window, 1)[None, None]
    observation = data.observation
    return Windows(
        item=_take(observation.item, episode, pair),
        feedback=_take(observation.feedback, episode, pair),
        history_mask=(pair >= 0) & mask[:, :, None],
        vector=_take(observation.vector, episode, column),
        timestep=_take(observation.turn, episode, column),
        action=_take(data.action, episode, column),
        reward=_take(data.reward, episode, column),
        return_to_go=_returns_to_go(data, episode, column),
        mask=mask,
    )


def _take(values: Array, episode: Array, column: Array) -> Array:
    rows = episode.reshape((-1,) + (1,) * (column.ndim - 1))
    return values[rows, jnp.clip(column, 0, values.shape[1] - 1)]


def _returns_to_go(data: Trajectories, episode: Array, column: Array) -> Array:
    rewards = jnp.where(data.mask[episode], data.reward[episode], 0.0)
    to_go = jnp.flip(jnp.cumsum(jnp.flip(rewards, 1), axis=1), 1)
    return jnp.take_along_axis(to_go, jnp.clip(column, 0, to_go.shape[1] - 1), axis=1)

"""Windows of logged episodes, gathered wholly on the device."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.records import Trajectories
from jaxrec.losses.returns_to_go import returns_to_go


@struct.dataclass
class Windows:
    """T consecutive steps of each of B episodes, padded at the end, with what a state encoder needs at each step.

    Attributes:
      item, feedback, history_mask: int32, float32 and bool [B, T, W], the state window: the last W (item, feedback)
        pairs that the user had seen at each step, newest last. The mask is False before turn 0. The state window may
        reach back before the first of the T steps.
      vector: float32 [B, T, D_o], the environment's own features.
      timestep: int32 [B, T], the turn in the episode, counted from its beginning.
      action, reward: [B, T, ...] as logged.
      return_to_go: float32 [B, T], the undiscounted sum of the rewards from this step to the episode's end.
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


def random_windows(
    *, batch_size: int, context_length: int, state_window: int
) -> Callable[[Trajectories, Array], Windows]:
    """Makes a view for `sources.logged` of B random windows.

    The first step is uniform over all logged steps: an episode is drawn in proportion to its length and the start is
    uniform within it, so that windows near the end are shorter (Decision Transformer's sampling).

    Args:
      context_length: T, the steps of a window.
      state_window: W, the (item, feedback) pairs of each step's state.

    Returns:
      `view(data, key) -> Windows` [B, T].
    """

    def view(data: Trajectories, key: Array) -> Windows:
        lengths = data.mask.sum(1)
        ends = jnp.cumsum(lengths)
        step = jax.random.randint(key, (batch_size,), 0, ends[-1])
        episode = jnp.searchsorted(ends, step, side="right")
        start = step - (ends - lengths)[episode]
        return windows_at(data, episode, start, context_length=context_length, state_window=state_window)

    return view


def windows_at(data: Trajectories, episode: Array, start: Array, *, context_length: int, state_window: int) -> Windows:
    """Gathers the windows that begin at given steps.

    Args:
      episode: int32 [B], rows of `data`. start: int32 [B], the first step of each window.
      context_length: T, the steps of a window.
      state_window: W, the (item, feedback) pairs of each step's state.

    Returns:
      Windows [B, T].
    """
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
    to_go = returns_to_go(data.reward[episode], data.mask[episode])
    return jnp.take_along_axis(to_go, jnp.clip(column, 0, to_go.shape[1] - 1), axis=1)

"""The tokens of each user's last T turns, which a decision transformer reads while it acts."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.records import Observation
from jaxrec.models import history as histories


@struct.dataclass
class TokenWindow:
    """The last T steps of each of B users, newest last, padded on the left.

    Attributes:
      history: `History` [B, W], the state window that the state encoder reads; () where observations hold no history.
      tokens: float32 [B, T, 3, D], state, return and action of each step, embedded, in the order of the network.
      length: int32 [B], how many of the T steps are real.
    """

    history: Any
    tokens: Array
    length: Array


def empty(num_users: int, context_length: int, width: int, state_window: int | None) -> TokenWindow:
    """Returns windows without any step.

    Args:
      context_length: T. width: D. state_window: W, or None where observations hold no history.
    """
    history = () if state_window is None else histories.empty(num_users, state_window)
    tokens = jnp.zeros((num_users, context_length, 3, width))
    return TokenWindow(history, tokens, jnp.zeros(num_users, jnp.int32))


def open_step(window: TokenWindow, observation: Observation) -> TokenWindow:
    """Appends a step whose tokens are zeros, and the observed pair to the history; a user at turn 0 first forgets the
    episode before."""
    history = window.history
    if isinstance(history, histories.History):
        history = histories.push(history, observation)
    length = jnp.minimum(jnp.where(observation.turn == 0, 0, window.length) + 1, window.tokens.shape[1])
    return TokenWindow(history, histories.roll(window.tokens, jnp.zeros_like(window.tokens[:, 0])), length)


def write(window: TokenWindow, index: int, token: Array) -> TokenWindow:
    """Sets the newest step's token at `index` (0, 1 or 2, in the order of the network) to `token` [B, D]."""
    return window.replace(tokens=window.tokens.at[:, -1, index].set(token))


def flat_tokens(window: TokenWindow, num_newest: int) -> tuple[Array, Array]:
    """Returns all tokens of the earlier steps and the first `num_newest` of the newest step as one sequence.

    Returns:
      (tokens float32 [B, L, D], valid bool [B, L], False on padding) with L = 3 (T - 1) + num_newest.
    """
    users, steps, kinds, width = window.tokens.shape
    size = kinds * (steps - 1) + num_newest
    valid = jnp.repeat(histories.valid(window.length, steps), kinds, axis=1)
    return window.tokens.reshape(users, -1, width)[:, :size], valid[:, :size]


def state_inputs(window: TokenWindow, observation: Observation) -> tuple[Array, Array, Array, Array, Array]:
    """Returns the arguments of `Tokens.states` for the newest step of each user."""
    history = window.history
    if not isinstance(history, histories.History):
        history = histories.empty(observation.turn.shape[0], 1)
    return history.item, history.feedback, histories.mask(history), observation.vector, observation.turn

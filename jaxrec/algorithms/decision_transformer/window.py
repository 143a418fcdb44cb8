"""The tokens a decision transformer keeps of each user while it acts."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.base.records import Observation
from jaxrec.models import history as histories


@struct.dataclass
class Window:
    """The last T steps of each user, newest last, padded on the left.

    Attributes:
      history: `History` of (item, feedback) pairs, the state encoder's input; () where there is none.
      tokens: float32 [B, T, 3, D], the embedded tokens of each step in the model's own order.
      length: int32 [B], how many of the T steps are real.
    """

    history: Any
    tokens: Array
    length: Array


def empty(num_users: int, context_length: int, width: int, state_window: int | None) -> Window:
    """Nothing has happened; `state_window` None where the state is no history."""
    history = () if state_window is None else histories.empty(num_users, state_window)
    tokens = jnp.zeros((num_users, context_length, 3, width))
    return Window(history, tokens, jnp.zeros(num_users, jnp.int32))


def advance(window: Window, observation: Observation) -> Window:
    """Opens a step with empty tokens for what was observed; rows at turn 0 forget what came before."""
    history = window.history
    if isinstance(history, histories.History):
        history = histories.push(history, observation)
    length = jnp.minimum(jnp.where(observation.turn == 0, 0, window.length) + 1, window.tokens.shape[1])
    return Window(history, histories.roll(window.tokens, jnp.zeros_like(window.tokens[:, 0])), length)


def write(window: Window, place: int, token: Array) -> Window:
    """Sets token `place` (0, 1 or 2) of the newest step to `token` [B, D]."""
    return window.replace(tokens=window.tokens.at[:, -1, place].set(token))


def sequence(window: Window, num_tokens: int) -> tuple[Array, Array]:
    """(tokens [B, L, D], valid [B, L]) up to and with the first `num_tokens` tokens of the newest step."""
    users, steps, kinds, width = window.tokens.shape
    size = kinds * (steps - 1) + num_tokens
    valid = jnp.repeat(histories.valid(window.length, steps), kinds, axis=1)
    return window.tokens.reshape(users, -1, width)[:, :size], valid[:, :size]


def state_inputs(window: Window, observation: Observation) -> tuple[Array, Array, Array, Array, Array]:
    """What `Tokens.states` takes, for the newest step of each user."""
    history = window.history
    if not isinstance(history, histories.History):
        history = histories.empty(observation.turn.shape[0], 1)
    return history.item, history.feedback, histories.mask(history), observation.vector, observation.turn

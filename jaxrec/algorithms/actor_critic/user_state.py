"""The state s_t of a user that every actor-critic algorithm acts on (the state tracker of M 4.1): a window of (item,
feedback) pairs under a state encoder, the environment's own features, or both joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Array, Params
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.models import encoders
from jaxrec.models import history as histories

RANGES = {"encoder": encoders.NAME, "width": ranges.COUNT, "window": ranges.COUNT}


class StateEncoder(NamedTuple):
    """Turns a history and an observation into a state.

    Attributes:
      size: F, the numbers of a state.
      init: (key) -> {"encoder": ...}, or {} where the state is the environment's features alone.
      empty: (num_users) -> the histories of users who have been shown nothing.
      features: (params, history, observation) -> states [..., F], for any leading axes that the two share.
    """

    size: int
    init: Callable[[Array], Params]
    empty: Callable[[int], Any]
    features: Callable[[Params, Any, Observation], Array]


def make_encoder(config: ConfigDict, spec: EnvironmentSpec) -> StateEncoder:
    """Makes the state encoder from an algorithm's options `encoder`, `width` (D) and `window` (W).

    Raises:
      JaxrecError: no such encoder, or a window that is empty or longer than an episode.
    """
    encoder = encoders.make(
        config.encoder, num_items=spec.num_items, width=config.width, feedback_scale=1.0 / reward_scale(spec)
    )
    windowed = spec.sees_history
    if windowed:
        histories.check_window("algorithm.window", config.window, spec.max_turn)

    def empty(num_users: int) -> Any:
        return histories.empty(num_users, config.window) if windowed else ()

    def init(key: Array) -> Params:
        return {"encoder": encoder.init(key, *window_arrays(empty(1)))["params"]} if windowed else {}

    def features(params: Params, history: Any, observation: Observation) -> Array:
        parts = [encoder.apply({"params": params["encoder"]}, *window_arrays(history))] if windowed else []
        if spec.observation_size:
            parts.append(observation.vector)
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)

    return StateEncoder(spec.observation_size + (config.width if windowed else 0), init, empty, features)


def reward_scale(spec: EnvironmentSpec) -> float:
    """Returns the factor that brings the largest reward to a size of 1 (our reading: settings then suit any unit)."""
    return 1.0 / (max(abs(bound) for bound in spec.reward_range) or 1.0)


def push(history: Any, observation: Observation) -> Any:
    """Appends the observed pairs [B] to the histories; the empty history of an environment without items stays so."""
    return histories.push(history, observation) if isinstance(history, histories.History) else history


def window_arrays(history: histories.History) -> tuple[Array, Array, Array]:
    """Returns (item, feedback, mask), each [..., W], for any number of leading axes; `history.mask` takes one."""
    window = history.item.shape[-1]
    position = jax.lax.broadcasted_iota(jnp.int32, history.item.shape, history.item.ndim - 1)
    return history.item, history.feedback, position >= window - history.length[..., None]

"""What every actor-critic algorithm looks at: a window of (item, feedback) pairs under a state encoder, the
environment's own features, or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.base.contracts import Array, Params
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.models import encoders
from jaxrec.models import history as histories


class StateEncoder(NamedTuple):
    """Attributes:
    size: F, numbers per state.
    init: key -> {"encoder": ...}, or {} where there is no history to encode.
    empty: num_users -> the first history.
    features: (params, history, observation) -> [..., F], for any leading axes that the two share.
    """

    size: int
    init: Callable[[Array], Params]
    empty: Callable[[int], Any]
    features: Callable[[Params, Any, Observation], Array]


def build(config: ConfigDict, spec: EnvironmentSpec) -> StateEncoder:
    """Reads `encoder`, `width` and `window` of an algorithm's config."""
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
    """What rewards are multiplied by, so that the largest is 1 in size."""
    return 1.0 / (max(abs(bound) for bound in spec.reward_range) or 1.0)


def push(history: Any, observation: Observation) -> Any:
    """The history once it has absorbed an observation."""
    return histories.push(history, observation) if isinstance(history, histories.History) else history


def window_arrays(history: histories.History) -> tuple[Array, Array, Array]:
    """(item, feedback, mask), each [..., W]; unlike `history.mask` for any number of leading axes."""
    window = history.item.shape[-1]
    place = jax.lax.broadcasted_iota(jnp.int32, history.item.shape, history.item.ndim - 1)
    return history.item, history.feedback, place >= window - history.length[..., None]

"""Spaces and observations of environments whose actions are items and whose users show nothing but their feedback."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces

from jaxrec.base.contracts import Array
from jaxrec.base.records import Observation


def observation_space(num_users: int, num_items: int, reward_range: tuple[float, float]) -> spaces.Dict:
    """Returns the space of `observe`'s records; feedback is a reward, or 0 at turn 0."""
    low, high = reward_range
    return spaces.Dict(
        {
            "user": spaces.Discrete(num_users),
            "item": spaces.Discrete(num_items),
            "feedback": spaces.Box(min(low, 0.0), max(high, 0.0), (), jnp.float32),
            "turn": spaces.Discrete(np.iinfo(np.int32).max),
            "vector": spaces.Box(0.0, 0.0, (0,), jnp.float32),
        }
    )


def observe(state: Any, item: Array, feedback: Array) -> Observation:
    """Returns what a policy sees: the state's user and time, the item acted on last and its feedback; no features."""
    no_features = jnp.zeros((0,), jnp.float32)
    return Observation(user=state.user, item=item, feedback=feedback, turn=state.time, vector=no_features)

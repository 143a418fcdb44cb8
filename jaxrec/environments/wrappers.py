"""Our environments for trainers that expect a flat observation vector instead of an `Observation` record."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments import environment, spaces

from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation

IDS = ("one_hot", "scaled")


class FlatObservation(environment.Environment[Any, Any]):
    """Flattens an environment's observations to float32 [D].

    The parts of [D], in order: user and item (each left out where there is only one), feedback in its own unit, turn /
    time limit, and the environment's own vector.

    Args:
      ids: how user and item are written. `one_hot`: N and A numbers, one of them 1. `scaled`: one number each in
        [0, 1], the index / (N - 1) and the index / (A - 1), so that D is 4 where the environment's vector is empty.

    Raises:
      JaxrecError: another way of writing ids.
    """

    def __init__(self, env: environment.Environment[Any, Any], ids: str = "one_hot"):
        if ids not in IDS:
            raise JaxrecError(f"ids is {ids!r}; set it to one of {', '.join(IDS)}")
        self._env, self._ids = env, ids
        self.has_item_actions, self.has_exit_switch = env.has_item_actions, env.has_exit_switch
        self.reward_range, self.reset_chunk = env.reward_range, env.reset_chunk

    @property
    def default_params(self) -> Any:
        return self._env.default_params

    @property
    def name(self) -> str:
        return self._env.name

    @property
    def num_actions(self) -> int:
        return self._env.num_actions

    def reset_env(self, key: Array, params: Any) -> tuple[Array, Any]:
        observation, state = self._env.reset_env(key, params)
        return self.flatten(observation, params), state

    def step_env(
        self, key: Array, state: Any, action: Array, params: Any
    ) -> tuple[Array, Any, Array, Array, dict[Any, Any]]:
        observation, state, reward, terminated, info = self._env.step_env(key, state, action, params)
        return self.flatten(observation, params), state, reward, terminated, info

    def is_truncated(self, state: Any, params: Any) -> Array:
        return self._env.is_truncated(state, params)

    def action_space(self, params: Any = None) -> spaces.Space:
        return self._env.action_space(params)

    def observation_space(self, params: Any) -> spaces.Box:
        inner = self._env.observation_space(params).spaces
        feedback, vector = inner["feedback"], inner["vector"]
        sizes = self._counts(params).values()
        width = sum(sizes) if self._ids == "one_hot" else len(sizes)
        low = jnp.concatenate([jnp.zeros(width), jnp.array([feedback.low, 0.0]), _bound(vector.low, vector)])
        high = jnp.concatenate([jnp.ones(width), jnp.array([feedback.high, 1.0]), _bound(vector.high, vector)])
        return spaces.Box(low, high, low.shape, jnp.float32)

    def _counts(self, params: Any) -> dict[str, int]:
        """Returns {"user": N, "item": A}, without those of which there is only one."""
        inner = self._env.observation_space(params).spaces
        return {name: inner[name].n for name in ("user", "item") if inner[name].n > 1}

    def flatten(self, observation: Observation, params: Any) -> Array:
        """Returns the observation as float32 [D]."""
        parts = [self._written(getattr(observation, name), count) for name, count in self._counts(params).items()]
        turn = _share(observation.turn, params.max_steps_in_episode)
        return jnp.concatenate([*parts, jnp.stack([observation.feedback, turn]), observation.vector])

    def _written(self, index: Array, count: int) -> Array:
        """Returns an index below `count` as float32 [count] or [1]."""
        return jax.nn.one_hot(index, count) if self._ids == "one_hot" else _share(index, count - 1)[None]


def _share(number: Array, largest: Any) -> Array:
    """Returns number / largest in float32, at most 1 however the division is rounded."""
    return jnp.minimum(number / jnp.float32(largest), 1.0)


def _bound(bound: Any, space: spaces.Box) -> Array:
    return jnp.broadcast_to(jnp.asarray(bound, jnp.float32), space.shape)

"""Our environments for trainers that expect a flat observation vector instead of an `Observation` record."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from gymnax.environments import environment, spaces

from jaxrec.base.contracts import Array
from jaxrec.base.records import Observation


class FlatObservation(environment.Environment[Any, Any]):
    """Flattens an environment's observations to float32 [D].

    The parts of [D], in order: user and item one-hot (each left out where there is only one), feedback, turn / time
    limit, and the environment's own vector.
    """

    def __init__(self, env: environment.Environment[Any, Any]):
        self._env = env
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
        return self._flat(observation, params), state

    def step_env(
        self, key: Array, state: Any, action: Array, params: Any
    ) -> tuple[Array, Any, Array, Array, dict[Any, Any]]:
        observation, state, reward, terminated, info = self._env.step_env(key, state, action, params)
        return self._flat(observation, params), state, reward, terminated, info

    def is_truncated(self, state: Any, params: Any) -> Array:
        return self._env.is_truncated(state, params)

    def action_space(self, params: Any = None) -> spaces.Space:
        return self._env.action_space(params)

    def observation_space(self, params: Any) -> spaces.Box:
        inner = self._env.observation_space(params).spaces
        feedback, vector = inner["feedback"], inner["vector"]
        width = sum(self._one_hot_sizes(params).values())
        low = jnp.concatenate([jnp.zeros(width), jnp.array([feedback.low, 0.0]), _bound(vector.low, vector)])
        high = jnp.concatenate([jnp.ones(width), jnp.array([feedback.high, 1.0]), _bound(vector.high, vector)])
        return spaces.Box(low, high, low.shape, jnp.float32)

    def _one_hot_sizes(self, params: Any) -> dict[str, int]:
        """Returns {"user": N, "item": A}, without those of which there is only one."""
        inner = self._env.observation_space(params).spaces
        return {name: inner[name].n for name in ("user", "item") if inner[name].n > 1}

    def _flat(self, observation: Observation, params: Any) -> Array:
        """Returns the observation as float32 [D]."""
        sizes = self._one_hot_sizes(params)
        parts = [jax.nn.one_hot(getattr(observation, name), size) for name, size in sizes.items()]
        turn = observation.turn / jnp.float32(params.max_steps_in_episode)
        return jnp.concatenate([*parts, jnp.stack([observation.feedback, turn]), observation.vector])


def _bound(bound: Any, space: spaces.Box) -> Array:
    return jnp.broadcast_to(jnp.asarray(bound, jnp.float32), space.shape)

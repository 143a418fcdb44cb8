"""Our environments with the steps of gymnax before 1.0, for trainers that unpack five values.

rejax and the scripts of purejaxrl call `observation, state = env.reset(key, params)` and
`observation, state, reward, done, info = env.step(key, state, action, params)` under `vmap` and `scan`, and read the
sizes of their networks from `env.observation_space(params).shape` and `env.action_space(params).n`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import spaces

from jaxrec.base.contracts import Array, Environment
from jaxrec.environments.modes import Mode
from jaxrec.environments.wrappers import FlatObservation


@struct.dataclass
class ModeState:
    """One user in an episode that is played in a mode.

    Attributes:
      env_state: the environment's own state.
      start: int32, the item that the episode started with.
      seen: bool [A], the items that may not be recommended again in this episode; None where items may repeat.
    """

    env_state: Any
    start: Array
    seen: Array | None


class FiveValues:
    """Plays an environment with flat observations, one flag for the end of an episode, and automatic resets.

    `done` is `terminated` (the user left) or `truncated` (the time limit); which of them it was stands in `info`, with
    `final_observation`, what the user showed at the end of the episode, since `observation` is already the next
    episode's. A key gives the same episode here as in the environment's own six-value `step`.

    A jitted step cannot refuse an item: in the modes NX a trainer must choose by `action_mask`.
    """

    def __init__(self, env: Environment, params: Any, mode: Mode, ids: str, forbid_start: bool):
        self._env, self._flat, self._params, self.mode = env, FlatObservation(env, ids), params, mode
        self._forbid_start = forbid_start
        self._identity = (env, mode, ids, forbid_start)

    def __eq__(self, other: object) -> bool:
        """Returns whether the same programs serve both, whatever their default params; a jitted function asks this."""
        return isinstance(other, FiveValues) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def default_params(self) -> Any:
        return self._params

    @property
    def name(self) -> str:
        return self._env.name

    @property
    def num_actions(self) -> int:
        return self._env.num_actions

    def action_space(self, params: Any = None) -> spaces.Space:
        return self._env.action_space(self._or_default(params))

    def observation_space(self, params: Any = None) -> spaces.Box:
        return self._flat.observation_space(self._or_default(params))

    def action_mask(self, state: ModeState) -> Array:
        """Returns bool [A], the items that the mode allows now; all of them where items may repeat."""
        return jnp.ones((self.num_actions,), bool) if state.seen is None else ~state.seen

    def reset(self, key: Array, params: Any = None) -> tuple[Array, ModeState]:
        """Returns (observation float32 [D], state) of a new episode."""
        return self._jitted_reset(key, self._or_default(params))

    def step(
        self, key: Array, state: ModeState, action: Array, params: Any = None
    ) -> tuple[Array, ModeState, Array, Array, dict[str, Array]]:
        """Returns (observation, state, reward, done, info); the first two are the next episode's where `done`."""
        return self._jitted_step(key, state, action, self._or_default(params))

    def reset_env(self, key: Array, params: Any) -> tuple[Array, ModeState]:
        """Returns (observation, state) of a new episode."""
        observation, env_state = self._env.reset_env(key, params)
        seen = jnp.zeros((self.num_actions,), bool) if self.mode.no_repeats else None
        return self._flat.flatten(observation, params), ModeState(env_state, observation.item, seen)

    def step_env(
        self, key: Array, state: ModeState, action: Array, params: Any
    ) -> tuple[Array, ModeState, Array, Array, dict[str, Array]]:
        """Returns (observation, state, reward, done, info) without a reset."""
        observation, env_state, reward, terminated, info = self._env.step_env(key, state.env_state, action, params)
        truncated = self._env.is_truncated(env_state, params)
        info = {**info, "terminated": terminated, "truncated": truncated}
        after = ModeState(env_state, state.start, self._seen(state, action))
        return self._flat.flatten(observation, params), after, reward, terminated | truncated, info

    def _seen(self, state: ModeState, action: Array) -> Array | None:
        """Returns the items that the mode forbids once the action is taken."""
        if state.seen is None:
            return None
        seen = state.seen.at[action].set(True)
        return seen.at[state.start].set(True) if self._forbid_start else seen

    @partial(jax.jit, static_argnames=("self",))
    def _jitted_reset(self, key: Array, params: Any) -> tuple[Array, ModeState]:
        return self.reset_env(key, params)

    @partial(jax.jit, static_argnames=("self",))
    def _jitted_step(
        self, key: Array, state: ModeState, action: Array, params: Any
    ) -> tuple[Array, ModeState, Array, Array, dict[str, Array]]:
        key_step, key_reset = jax.random.split(key)
        last, after, reward, done, info = self.step_env(key_step, state, action, params)
        fresh = self.reset_env(key_reset, params)
        observation, state = jax.tree.map(lambda new, old: jnp.where(done, new, old), fresh, (last, after))
        return observation, state, reward, done, {**info, "final_observation": last}

    def _or_default(self, params: Any) -> Any:
        return self._params if params is None else params

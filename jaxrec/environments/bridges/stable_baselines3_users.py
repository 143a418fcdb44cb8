"""B users as the vector environment of Stable-Baselines3, which is not Gymnasium's."""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from jaxrec.environments.bridges.gymnasium_vector_env import Users


class StableBaselines3Users(VecEnv):
    """Hands a batch of users that are reset in the same step to Stable-Baselines3 and sb3-contrib.

    `infos` has `terminal_observation` and `TimeLimit.truncated` where an episode ended. MaskablePPO finds the masks by
    `env_method("action_masks")`. Wrap it in `VecMonitor` for the returns of episodes.
    """

    def __init__(self, users: Users):
        self._users = users
        self._actions: np.ndarray | None = None
        super().__init__(users.num_envs, users.single_observation_space, users.single_action_space)

    def reset(self) -> np.ndarray:
        """Begins a new episode in every row, with the seeds that `seed` gave; returns observations float32 [B, D]."""
        observations, _ = self._users.reset(seed=self._seeds)
        self._reset_seeds()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Plays one turn; returns (observations, rewards float32 [B], dones bool [B], one info for each row)."""
        observations, rewards, terminated, truncated, infos = self._users.step(self._actions)
        dones = terminated | truncated
        rows: list[dict[str, Any]] = [{"TimeLimit.truncated": False} for _ in range(self.num_envs)]
        for row in np.flatnonzero(dones):
            rows[row] = {
                "TimeLimit.truncated": bool(truncated[row] and not terminated[row]),
                "terminal_observation": infos["final_obs"][row],
            }
        return observations, rewards.astype(np.float32), dones, rows

    def close(self) -> None:
        self._users.close()

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Calls a method of the batch that returns one value for each row; returns those of `indices`."""
        values = getattr(self._users, method_name)(*method_args, **method_kwargs)
        return [values[row] for row in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Returns an attribute of the batch, which all its rows share, once for each of `indices`."""
        value = getattr(self._users, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Raises AttributeError: the rows share their settings."""
        raise AttributeError(
            f"{attr_name} cannot be set: the users of a batch share their settings; make another batch"
        )

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Returns False for each of `indices`: rows have no wrappers of their own."""
        return [False for _ in self._get_indices(indices)]

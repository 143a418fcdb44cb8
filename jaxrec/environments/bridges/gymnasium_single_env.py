"""One user as a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from jaxrec.environments.bridges.five_value_steps import FiveValues
from jaxrec.environments.bridges.gymnasium_vector_env import Users


class User(gymnasium.Env):
    """Plays one user after the other, an episode each, with observations float32 [D].

    The same seed gives the same users; `reset()` without a seed goes on to the next of them. A user who left is
    `terminated`; one whom the time limit cut off is `truncated`, and may have left at the same turn.

    In the modes NX `info["action_mask"]`, int8 [A] as `action_space.sample` takes it, is 0 at the items that may not be
    recommended again, and such an action is refused. `action_masks()` returns the same as bool.
    """

    def __init__(self, env: FiveValues, params: Any):
        self._users = Users(env, params, 1, AutoresetMode.DISABLED)
        self.observation_space = self._users.single_observation_space
        self.action_space = self._users.single_action_space
        self.metadata = {"render_modes": []}
        self._begun = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode; returns (observation float32 [D], info)."""
        super().reset(seed=seed)
        if seed is None and not self._begun:
            seed = int(self.np_random.integers(2**63))
        self._begun = True
        observations, infos = self._users.reset(seed=[seed])
        return observations[0], _first(infos)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Plays one turn; returns (observation, reward, terminated, truncated, info).

        Raises:
          JaxrecError: an action outside the space, an item that the mode forbids, or an episode that is over.
        """
        observations, rewards, terminated, truncated, infos = self._users.step(np.asarray(action)[None])
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), _first(infos)

    def action_masks(self) -> np.ndarray:
        """Returns bool [A], the items that the mode allows now; the name is that of sb3-contrib.

        Raises:
          JaxrecError: actions are not items.
        """
        return self._users.action_masks()[0]


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    """Returns the info of the first row."""
    return {name: values[0] for name, values in infos.items() if not name.startswith("_")}

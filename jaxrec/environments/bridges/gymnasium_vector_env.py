"""B users as one Gymnasium vector environment: each turn of all of them is one compiled call, and NumPy comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from gymnax.environments.spaces import gymnax_space_to_gym_space

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.environments.bridges import seeded_rows, vector_arguments
from jaxrec.environments.bridges.five_value_steps import FiveValues
from jaxrec.environments.bridges.seeded_rows import Turn


class Users(gymnasium.vector.VectorEnv):
    """Plays B = `num_envs` users side by side, each in an episode, with observations float32 [B, D].

    In each autoreset mode what comes back is what `gymnasium.vector.SyncVectorEnv` over as many single environments
    gives. `SAME_STEP`: where an episode ends, the observation is the next episode's, and `infos` has `final_obs` and
    `final_info` of the episode that ended, with their masks `_final_obs` and `_final_info`. `NEXT_STEP`: the last
    observation comes back, and the next call begins a new episode in that row, whose action it ignores and whose reward
    is 0. `DISABLED`: nothing is reset but by `reset(options={"reset_mask": bool [B]})`.

    Seed s makes row i the single environment with seed s + i. Without a seed each row goes on to its next episode.

    In the modes NX `infos["action_mask"]`, int8 [B, A] as `sample` of Gymnasium's spaces takes it, is 0 at the items
    that may not be recommended again, and such an action is refused. `action_masks()` returns the same as bool.
    """

    def __init__(self, env: FiveValues, params: Any, num_envs: int, autoreset_mode: AutoresetMode | str):
        ranges.check("", {"num_envs": num_envs}, {"num_envs": ranges.COUNT})
        self.num_envs = num_envs
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.autoreset_mode}
        self.single_observation_space = gymnax_space_to_gym_space(env.observation_space(params))
        self.single_action_space = gymnax_space_to_gym_space(env.action_space(params))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._env, self._params = env, params
        self._rows = seeded_rows.blank(env, params, num_envs)
        self._seeded, self._begun, self._ended = (np.zeros(num_envs, bool) for _ in range(3))
        self._seen: np.ndarray | None = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins a new episode in every row; returns (observations float32 [B, D], infos).

        Args:
          seed: of row i the seed + i, or a list with one for each row, where None leaves the row's as it is.
          options: `reset_mask`, bool [B]: the rows to begin a new episode, where not all.

        Raises:
          JaxrecError: a mask or a list of seeds of another length.
        """
        chosen = vector_arguments.chosen_rows(options, self.num_envs)
        if isinstance(seed, (int, np.integer)):
            super().reset(seed=int(seed))
        self._sow(vector_arguments.row_seeds(seed, self.num_envs), chosen)
        self._rows = seeded_rows.begin(self._env, self._params, self._rows, jnp.asarray(chosen))
        self._begun, self._ended = self._begun | chosen, self._ended & ~chosen
        observation, self._seen = _on_host((self._rows.observation, self._rows.state.seen))
        return np.array(observation), self._mask_info(self._seen, chosen)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Plays one turn; returns (observations, rewards float64 [B], terminations, truncations bool [B], infos).

        Raises:
          JaxrecError: actions outside the space, an item that the mode forbids, or an episode that is over.
        """
        self._check_begun()
        actions = vector_arguments.actions(
            actions, self.single_action_space, ~self._ended, self._seen, self._env.mode.name
        )
        same_step = self.autoreset_mode == AutoresetMode.SAME_STEP
        self._rows, turn = seeded_rows.advance(
            self._env, self._params, self._rows, actions, self._ended, same_step=same_step
        )
        observation, self._seen, turn = _on_host((self._rows.observation, self._rows.state.seen, turn))
        done = turn.terminated | turn.truncated
        infos = self._mask_info(self._seen, np.ones(self.num_envs, bool))
        if not same_step:
            self._ended = done
        elif done.any():
            infos |= self._final(turn, done)
        rewards = turn.reward.astype(np.float64)
        return np.array(observation), rewards, np.array(turn.terminated), np.array(turn.truncated), infos

    def action_masks(self) -> np.ndarray:
        """Returns bool [B, A], the items that the mode allows now; the name is that of sb3-contrib.

        Raises:
          JaxrecError: actions are not items.
        """
        if not isinstance(self.single_action_space, gymnasium.spaces.Discrete):
            raise JaxrecError(f"action_masks asked of {self._env.name}, whose actions are not items; choose without it")
        shape = (self.num_envs, int(self.single_action_space.n))
        return np.ones(shape, bool) if self._seen is None else ~self._seen

    def _sow(self, seeds: list[int | None], chosen: np.ndarray) -> None:
        """Gives seeds to the chosen rows for which there is one, and random ones to those that never had any."""
        rows = [row for row in np.flatnonzero(chosen) if seeds[row] is not None or not self._seeded[row]]
        if rows:
            words = np.stack([vector_arguments.seed_words(seeds[row], self.np_random) for row in rows])
            seed, episode = np.array(self._rows.seed), np.array(self._rows.episode)
            seed[rows], episode[rows], self._seeded[rows] = words, -1, True
            self._rows = self._rows.replace(seed=jnp.asarray(seed), episode=jnp.asarray(episode))

    def _check_begun(self) -> None:
        """Raises JaxrecError where a row has no episode, or one that is over and that no step will reset."""
        over = self._ended & (self.autoreset_mode == AutoresetMode.DISABLED)
        if (over | ~self._begun).any():
            row = int(np.flatnonzero(over | ~self._begun)[0])
            raise JaxrecError(f"row {row} has no episode to go on with; call reset() before this step")

    @staticmethod
    def _mask_info(seen: np.ndarray | None, rows: np.ndarray) -> dict[str, Any]:
        """Returns the mask of the given rows in Gymnasium's form; nothing where items may repeat."""
        return {} if seen is None else {"action_mask": (~seen & rows[:, None]).astype(np.int8), "_action_mask": rows}

    def _final(self, turn: Turn, done: np.ndarray) -> dict[str, Any]:
        """Returns what the rows that are done showed last, in Gymnasium's form."""
        final = np.full(self.num_envs, None, object)
        for row in np.flatnonzero(done):
            final[row] = np.array(turn.observation[row])
        info = self._mask_info(turn.seen, done)
        return {"final_obs": final, "_final_obs": done, "final_info": info, "_final_info": done}


def _on_host(tree: Any) -> Any:
    """Returns the arrays as NumPy's: read-only views on a CPU, where `jax.device_get` takes a third of a turn of 64."""
    return jax.tree.map(np.asarray, tree)


def _autoreset_mode(name: AutoresetMode | str) -> AutoresetMode:
    """Returns the mode of this name; raises JaxrecError for another one."""
    names = [mode.value for mode in AutoresetMode]
    if not isinstance(name, AutoresetMode) and name not in names:
        raise JaxrecError(f"autoreset_mode is {name!r}; set it to one of {', '.join(names)}")
    return AutoresetMode(name)

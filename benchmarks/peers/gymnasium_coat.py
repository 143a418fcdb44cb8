"""The distance-rule environment as a plain Gymnasium environment: numpy look-ups, one user per object."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np


class CoatRule(gymnasium.Env):
    """Reward matrix[user, item]; leaves if the item is nearer than the threshold to one in the window; 30 turns."""

    def __init__(self, matrix: np.ndarray, distance: np.ndarray, threshold: float, window: int = 7, max_turn: int = 30):
        self.matrix, self.distance, self.threshold = matrix, distance, threshold
        self.window, self.max_turn = window, max_turn
        num_users, num_items = matrix.shape
        self.action_space = gymnasium.spaces.Discrete(num_items)
        self.observation_space = gymnasium.spaces.MultiDiscrete([num_users, num_items, max_turn + 1])
        self.actions = np.zeros(max_turn, np.int64)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        num_users, num_items = self.matrix.shape
        self.user, self.turn = int(self.np_random.integers(num_users)), 0
        return np.array([self.user, self.np_random.integers(num_items), 0]), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        turn, size = self.turn, self.window
        past = self.actions[max(0, 2 * turn - size) if turn < size else turn - size : turn]
        terminated = bool((self.distance[action, past] < self.threshold).any())
        self.actions[turn] = action
        self.turn = turn + 1
        reward = float(self.matrix[self.user, action])
        return np.array([self.user, action, self.turn]), reward, terminated, self.turn >= self.max_turn, {}


def steps_per_second(
    matrix: np.ndarray, distance: np.ndarray, threshold: float, *, num_envs: int = 100, num_steps: int = 100
) -> tuple[Any, int]:
    """(function that plays `num_steps` random steps under SyncVectorEnv with same-step auto-reset, steps per call)."""
    envs = gymnasium.vector.SyncVectorEnv(
        [lambda: CoatRule(matrix, distance, threshold)] * num_envs,
        autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP,
    )
    envs.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, matrix.shape[1], (num_steps, num_envs))

    def play() -> None:
        for row in actions:
            envs.step(row)

    return play, num_envs * num_steps

"""The return-to-go of Decision Transformers: the sum of the rewards from a step to the end."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


def returns_to_go(reward: Any, mask: Any = None, *, xp: Any = jnp) -> Any:
    """Sums the rewards from each step to the end, undiscounted (M 2.2; T Eqs. 4.3 and 4.4).

    Args:
      reward: float [..., T].
      mask: bool [..., T], True on real steps; None where all are real. Rewards of other steps count as 0.
      xp: `jax.numpy`, or `numpy` for logs on the host.

    Returns:
      float [..., T]: at step t, reward_t + reward_{t+1} + ... + reward_T.
    """
    real_reward = reward if mask is None else xp.where(mask, reward, 0.0)
    return xp.flip(xp.cumsum(xp.flip(real_reward, -1), -1), -1)

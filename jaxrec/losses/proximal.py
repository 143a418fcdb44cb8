"""The clipped surrogate of PPO (Schulman et al. 2017, Eq. 7), per step; the caller averages."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def clipped_surrogate_loss(log_prob: Array, old_log_prob: Array, advantage: Array, *, clip: float) -> Array:
    """Returns -min(r A, clip(r, 1 - clip, 1 + clip) A), [...], with the ratio r = exp(log_prob - old_log_prob).

    Args:
      log_prob: float32 [...], of the action under the policy that is trained. old_log_prob: float32 [...], under the
        policy that acted, a constant. advantage: float32 [...], A, a constant.
      clip: the largest change of the ratio that is rewarded.
    """
    chex.assert_equal_shape([log_prob, old_log_prob, advantage])
    advantage = jax.lax.stop_gradient(advantage)
    ratio = jnp.exp(log_prob - jax.lax.stop_gradient(old_log_prob))
    return -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1.0 - clip, 1.0 + clip) * advantage)

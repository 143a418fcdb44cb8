"""The clipped surrogate of PPO (Schulman et al. 2017, Eq. 7), per step: [...] to [...], the caller averages."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def clipped_surrogate_loss(log_prob: Array, old_log_prob: Array, advantage: Array, *, clip: float) -> Array:
    """-min(r A, clip(r, 1 - clip, 1 + clip) A) with r = exp(log_prob - old_log_prob); only `log_prob` is trained."""
    chex.assert_equal_shape([log_prob, old_log_prob, advantage])
    advantage = jax.lax.stop_gradient(advantage)
    ratio = jnp.exp(log_prob - jax.lax.stop_gradient(old_log_prob))
    return -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1.0 - clip, 1.0 + clip) * advantage)

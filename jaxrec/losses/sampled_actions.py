"""Q-learning from logged actions beside sampled ones (SQN, Xin et al. 2020; SNQN and SA2C, Xin et al. 2022; L 3.3), per
state: the caller averages. C heads value as many objectives; K actions were sampled that the user was not seen to take.
"""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def td_error(values: Array, target: Array) -> Array:
    """(target - values)^2 [..., C] (L Eq. 10); the target is a constant."""
    chex.assert_equal_shape([values, target])
    return jnp.square(jax.lax.stop_gradient(target) - values)


def sampled_td_error(values: Array, target: Array, counts: Array) -> Array:
    """The sum [..., C] over the sampled actions that count, of their squared errors (L Eq. 11).

    Args:
      values: [..., K, C], Q(s, a-). counts: bool [..., K].
      target: [..., C], reward + discount * the best value at s itself: what was not taken leaves the state as it is.
    """
    chex.assert_equal_shape_prefix([values, counts], counts.ndim)
    error = td_error(values, jnp.broadcast_to(target[..., None, :], values.shape))
    return jnp.sum(jnp.where(counts[..., None], error, 0.0), axis=-2)


def advantage(value: Array, sampled: Array, counts: Array, *, highest: float) -> Array:
    """Q(s, a+) less the mean over a+ and the sampled actions that count, within [0, highest]; a constant [...].

    With one sampled action it is half the difference of the two (L Eq. 12).

    Args:
      value: [...], Q(s, a+). sampled: [..., K], Q(s, a-). counts: bool [..., K].
    """
    chex.assert_equal_shape([sampled, counts])
    total = value + jnp.sum(jnp.where(counts, sampled, 0.0), axis=-1)
    mean = total / (1 + counts.sum(-1))
    return jax.lax.stop_gradient(jnp.clip(value - mean, 0.0, highest))

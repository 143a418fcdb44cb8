"""Q-learning from logged and from sampled actions (SQN, Xin et al. 2020; SNQN and SA2C, Xin et al. 2022; L 3.3), per
state; the caller averages.

Q(s, a) has C heads, one per objective. a+ is the logged action; a- are K sampled items, which the user did not choose.
"""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def td_error(values: Array, target: Array) -> Array:
    """Returns (target - values)^2, [..., C] (L Eq. 10); the target is a constant."""
    chex.assert_equal_shape([values, target])
    return jnp.square(jax.lax.stop_gradient(target) - values)


def sampled_td_error(values: Array, target: Array, counts: Array) -> Array:
    """Returns the sum of the squared errors of the sampled actions, [..., C] (L Eq. 11).

    Args:
      values: [..., K, C], Q(s, a-).
      target: [..., C], reward + discount * the highest value at s itself, because an action that was not taken does not
        change the state.
      counts: bool [..., K], False for sampled actions to leave out.
    """
    chex.assert_equal_shape_prefix([values, counts], counts.ndim)
    error = td_error(values, jnp.broadcast_to(target[..., None, :], values.shape))
    return jnp.sum(jnp.where(counts[..., None], error, 0.0), axis=-2)


def advantage(value: Array, sampled: Array, counts: Array, *, highest: float) -> Array:
    """Returns Q(s, a+) minus the mean of Q over a+ and the sampled actions, clipped to [0, highest], [...] (L Eq. 12).

    It is a constant. With one sampled action it is half the difference of the two values.

    Args:
      value: [...], Q(s, a+). sampled: [..., K], Q(s, a-). counts: bool [..., K], False for sampled actions to leave
        out.
    """
    chex.assert_equal_shape([sampled, counts])
    total = value + jnp.sum(jnp.where(counts, sampled, 0.0), axis=-1)
    mean = total / (1 + counts.sum(-1))
    return jax.lax.stop_gradient(jnp.clip(value - mean, 0.0, highest))

"""Returns-to-go relabelled by a value function: a poor episode gets the return of a better continuation."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def relabelled_returns(reward: Array, return_to_go: Array, value: Array, mask: Array) -> Array:
    """Returns the relabelled returns-to-go R_t = r_t + max(R_{t+1}, V(s_{t+1})), float32 [T], of one sequence.

    The last real step and padded steps keep their logged returns. Source: Q-learning Decision Transformer (Yamagata et
    al., 2023, Eq. 6), on which EDT4Rec builds.

    Args:
      reward, return_to_go, value: float32 [T], r_t, the logged return and V(s_t), all in one unit.
      mask: bool [T], True on real steps, a prefix.
    """
    chex.assert_rank([reward, return_to_go, value, mask], 1)
    has_next = jnp.append(mask[1:], False)

    def backward(following: Array, step: tuple[Array, ...]) -> tuple[Array, Array]:
        reward_t, logged_t, next_value, has_next_t = step
        relabelled = jnp.where(has_next_t, reward_t + jnp.maximum(following, next_value), logged_t)
        return relabelled, relabelled

    steps = (reward, return_to_go, jnp.append(value[1:], 0.0), has_next)
    return jax.lax.scan(backward, jnp.zeros((), reward.dtype), steps, reverse=True)[1]


def one_step_targets(reward: Array, return_to_go: Array, value: Array, mask: Array) -> Array:
    """Returns r_t + V(s_{t+1}), float32 [T], and the logged return at steps without a next step; arguments as for
    `relabelled_returns`."""
    chex.assert_rank([reward, return_to_go, value, mask], 1)
    has_next = jnp.append(mask[1:], False)
    return jnp.where(has_next, reward + jnp.append(value[1:], 0.0), return_to_go)

"""Returns relabelled by a value function, so that a poor episode is remembered for what it could have become."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def relabelled_returns(reward: Array, return_to_go: Array, value: Array, mask: Array) -> Array:
    """Return-to-go [T] of one sequence, stitched: R_t = r_t + max(R_{t+1}, V(s_{t+1})).

    The last real step (`mask` bool [T], a prefix) keeps its logged return, padding too. Same unit throughout. Source:
    Q-learning Decision Transformer (Yamagata et al., 2023, Eq. 6), which EDT4Rec builds on.
    """
    chex.assert_rank([reward, return_to_go, value, mask], 1)
    followed = jnp.append(mask[1:], False)

    def backward(following: Array, step: tuple[Array, ...]) -> tuple[Array, Array]:
        reward_t, logged_t, next_value, followed_t = step
        relabelled = jnp.where(followed_t, reward_t + jnp.maximum(following, next_value), logged_t)
        return relabelled, relabelled

    steps = (reward, return_to_go, jnp.append(value[1:], 0.0), followed)
    return jax.lax.scan(backward, jnp.zeros((), reward.dtype), steps, reverse=True)[1]


def one_step_targets(reward: Array, return_to_go: Array, value: Array, mask: Array) -> Array:
    """r_t + V(s_{t+1}) [T]; the logged return where the sequence shows no next step."""
    chex.assert_rank([reward, return_to_go, value, mask], 1)
    followed = jnp.append(mask[1:], False)
    return jnp.where(followed, reward + jnp.append(value[1:], 0.0), return_to_go)

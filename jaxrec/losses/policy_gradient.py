"""The terms of the policy gradient, per step: the functions map steps [...] to values [...]; the caller averages."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array

LOG_TWO_PI = 1.8378770664093453


def categorical_terms(action_logits: Array, action: Array) -> tuple[Array, Array]:
    """Returns (log pi(action), the entropy of pi in nats), each [...], of the softmax policy pi.

    Both are computed from one exponential per logit; two log-softmaxes, or special cases for logits of -inf, take a CPU
    five times as long.

    Args:
      action_logits: float32 [..., A], finite; an item that cannot be recommended has -1e9, whose probability is
        exactly 0. action: int32 [...].
    """
    chex.assert_rank(action_logits, action.ndim + 1)
    shifted = action_logits - jax.lax.stop_gradient(jnp.max(action_logits, axis=-1, keepdims=True))
    weight = jnp.exp(shifted)
    total = jnp.sum(weight, axis=-1)
    log_total = jnp.log(total)
    action_logit = jnp.take_along_axis(shifted, action[..., None], axis=-1)[..., 0]
    return action_logit - log_total, log_total - jnp.sum(weight * shifted, axis=-1) / total


def gaussian_log_prob(mean: Array, log_std: Array, action: Array) -> Array:
    """Returns the log density [...] of actions [..., D] under independent normal distributions.

    Args:
      mean: [..., D]. log_std: [D] or [..., D], log of the standard deviations.
    """
    chex.assert_equal_shape([mean, action])
    log_std = jnp.broadcast_to(log_std, mean.shape)  # explicit: rank promotion raises
    scaled = (action - mean) * jnp.exp(-log_std)
    return -jnp.sum(0.5 * jnp.square(scaled) + log_std + 0.5 * LOG_TWO_PI, axis=-1)


def gaussian_entropy(log_std: Array) -> Array:
    """Returns the entropy [...], in nats, of independent normal distributions with log standard deviations [..., D]."""
    return jnp.sum(log_std + 0.5 * (LOG_TWO_PI + 1.0), axis=-1)


def policy_gradient_loss(log_prob: Array, advantage: Array) -> Array:
    """Returns -log pi(a_t) * A_t, [...], whose gradient is the policy gradient; the advantage is a constant."""
    chex.assert_equal_shape([log_prob, advantage])
    return -log_prob * jax.lax.stop_gradient(advantage)


def value_loss(value: Array, target: Array) -> Array:
    """Returns half the squared error [...] of a value; the target is a constant."""
    chex.assert_equal_shape([value, target])
    return 0.5 * jnp.square(value - jax.lax.stop_gradient(target))

"""Terms of the policy gradient, per step: every function maps [...] steps to [...] values, the caller averages."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array

LOG_TWO_PI = 1.8378770664093453


def categorical_terms(action_logits: Array, action: Array) -> tuple[Array, Array]:
    """(log pi(action), entropy in nats), each [...], of a softmax over the last axis of `action_logits` [..., A].

    Both from one exponential per logit: with two log-softmaxes, or with selects for logits of -inf, a CPU takes five
    times as long. Logits must be finite; give an action that cannot be taken -1e9, whose weight is exactly 0.
    """
    chex.assert_rank(action_logits, action.ndim + 1)
    shifted = action_logits - jax.lax.stop_gradient(jnp.max(action_logits, axis=-1, keepdims=True))
    weight = jnp.exp(shifted)
    total = jnp.sum(weight, axis=-1)
    log_total = jnp.log(total)
    chosen = jnp.take_along_axis(shifted, action[..., None], axis=-1)[..., 0]
    return chosen - log_total, log_total - jnp.sum(weight * shifted, axis=-1) / total


def gaussian_log_prob(mean: Array, log_std: Array, action: Array) -> Array:
    """log density [...] of `action` [..., D] under independent normals; `log_std` [D] or [..., D]."""
    chex.assert_equal_shape([mean, action])
    log_std = jnp.broadcast_to(log_std, mean.shape)  # explicit: rank promotion raises
    scaled = (action - mean) * jnp.exp(-log_std)
    return -jnp.sum(0.5 * jnp.square(scaled) + log_std + 0.5 * LOG_TWO_PI, axis=-1)


def gaussian_entropy(log_std: Array) -> Array:
    """Entropy [...] in nats of independent normals with `log_std` [..., D]."""
    return jnp.sum(log_std + 0.5 * (LOG_TWO_PI + 1.0), axis=-1)


def policy_gradient_loss(log_prob: Array, advantage: Array) -> Array:
    """-log pi(a_t) * A_t, [...], whose gradient is the policy gradient; no gradient goes through the advantage."""
    chex.assert_equal_shape([log_prob, advantage])
    return -log_prob * jax.lax.stop_gradient(advantage)


def value_loss(value: Array, target: Array) -> Array:
    """Half the squared distance [...] to a target taken as fixed."""
    chex.assert_equal_shape([value, target])
    return 0.5 * jnp.square(value - jax.lax.stop_gradient(target))

"""Between vectors and items: how a policy that thinks in continuous actions recommends from a catalogue, and how a
policy that always takes the best says so in logits."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxrec.base.contracts import Array

# A power of two: multiplying by it is exact, so the order of the scores does not change.
_SHARPNESS = 2.0**20


def unit(vectors: Array) -> Array:
    """Vectors [..., D] in unit length; zero vectors stay zero, and their gradient finite."""
    squares = jnp.sum(jnp.square(vectors), axis=-1, keepdims=True)
    return vectors * jax.lax.rsqrt(jnp.maximum(squares, 1e-12))


def scores(action: Array, items: Array) -> Array:
    """<action, e_i / ||e_i||> [..., A] of an action vector [..., D] and item vectors [A, D] (EasyRL4Rec).

    An item without a direction (a zero vector) scores 0. No gradient goes to the item vectors.
    """
    return action @ unit(jax.lax.stop_gradient(items)).T


def greedy_logits(values: Array) -> Array:
    """Logits [..., A] whose softmax takes the item of the largest value, also among those a no-repeat mask leaves.

    A rollout may sample from a policy's logits; the logits of a deterministic policy must then leave it no choice.
    Items within about 1e-6 of the best are ties.
    """
    return values * _SHARPNESS

"""Draws and choices that stay cheap on a CPU: each takes one random number, not one for each alternative."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.base.contracts import Array

BLOCK = 32


def uniform_index(bits: Array, size: int) -> Array:
    """Returns int32 indices in [0, size) from uint32 random words of the same shape.

    An index is the upper 32 bits of the 64-bit product `bits * size`. No index is more or less likely than 1 / size by
    more than 2**-32.
    """
    low, high = bits & 0xFFFF, bits >> 16
    size_low, size_high = jnp.uint32(size & 0xFFFF), jnp.uint32(size >> 16)
    middle = high * size_low + ((low * size_low) >> 16)
    carry = (middle & 0xFFFF) + low * size_high
    return (high * size_high + (middle >> 16) + (carry >> 16)).astype(jnp.int32)


def _blocks(weights: Array) -> Array:
    """Cuts [..., A] into [..., ceil(A / BLOCK), BLOCK], padded with zeros."""
    size = weights.shape[-1]
    count = -(-size // BLOCK)
    padding = [(0, 0)] * (weights.ndim - 1) + [(0, count * BLOCK - size)]
    return jnp.pad(weights, padding).reshape(*weights.shape[:-1], count, BLOCK)


def _running_sums(weights: Array) -> Array:
    """Returns cumulative sums over the last axis: of 32 numbers, a product with a triangle costs half of
    `jnp.cumsum`."""
    triangle = np.triu(np.ones((weights.shape[-1],) * 2, np.float32))
    return jnp.matmul(weights, triangle, precision="highest")


def _first_beyond(weights: Array, target: Array) -> tuple[Array, Array]:
    """Returns the index [...] of the first positive weight whose running sum exceeds the target (the last positive one
    if none does), and the target less the weights before that index.

    Args:
      weights: [..., A]. target: [...].
    """
    position = jnp.arange(weights.shape[-1]).reshape((1,) * (weights.ndim - 1) + (-1,))
    positive = weights > 0
    exceeds = positive & (_running_sums(weights) > target[..., None])
    first = jnp.min(jnp.where(exceeds, position, weights.shape[-1]), -1)
    index = jnp.minimum(first, jnp.max(jnp.where(positive, position, 0), -1))
    return index, target - jnp.sum(jnp.where(position < index[..., None], weights, 0.0), -1)


def inverse_cdf(uniform: Array, weights: Array) -> Array:
    """Returns the index at which the running sum of the weights first exceeds `uniform` times their total, int32 [...].

    Weights are summed by blocks of 32, these sums again by blocks of 32, and so on; the search goes from the largest
    blocks down and looks into one block of each level. A weight of zero is never chosen while another is positive,
    whatever the rounding.

    Args:
      uniform: [...] in [0, 1). weights: [..., A], not negative.
    """
    levels = []
    while weights.shape[-1] > BLOCK:
        levels.append(_blocks(weights))
        weights = levels[-1].sum(-1)
    index, target = _first_beyond(weights, uniform * jnp.sum(weights, -1))
    for blocks in reversed(levels):
        chosen = jnp.take_along_axis(blocks, index[..., None, None], -2)[..., 0, :]
        offset, target = _first_beyond(chosen, target)
        index = index * BLOCK + offset
    return index


def categorical(key: Array, logits: Array) -> Array:
    """Draws int32 [...] from softmax(logits [..., A]), one uniform per row; see `categorical_by`."""
    return categorical_by(jax.random.uniform(key, logits.shape[:-1], jnp.float32), logits)


def categorical_by(uniform: Array, logits: Array) -> Array:
    """Returns the draw from softmax(logits [..., A]) that each uniform number stands for, int32 [...], by inverting the
    distribution function.

    Exact to the rounding of float32 (an alternative rarer than about 1e-7 may never be drawn). An alternative at -inf
    is never drawn while another is finite.

    Args:
      uniform: float32 [...] in [0, 1). logits: [..., A].
    """
    return inverse_cdf(uniform, jnp.exp(logits - jnp.max(logits, -1, keepdims=True)))


def greedy(logits: Array) -> Array:
    """Returns the first index of the largest logit [..., A], int32 [...], for A up to 2**24.

    Two plain reductions: `jnp.argmax` reduces pairs, which XLA does not vectorise on a CPU (five times slower at 300).
    """
    size = logits.shape[-1]
    best = logits >= jnp.max(logits, -1, keepdims=True)
    countdown = size - jnp.arange(size, dtype=jnp.float32)
    first = size - jnp.max(jnp.where(best, countdown.reshape((1,) * (logits.ndim - 1) + (-1,)), 1.0), -1)
    return first.astype(jnp.int32)

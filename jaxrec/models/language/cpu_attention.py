"""Attention for a CPU, where no fused kernel exists: heads side by side, and a gradient computed the quick way round.

The derivative is the usual one. Written out, its products have the smaller side first (a head is narrower than a
sequence is long), softmax is differentiated by its output alone, and nothing is transposed inside a product: the
gradient of a small block takes a third less than through `jax.nn.dot_product_attention`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def attend(queries: Array, keys: Array, values: Array, mask: Array) -> Array:
    """Softmax attention [B, Lq, H, D] over keys and values [B, Lk, G, D] of grouped heads, float32; reverse mode only.

    `mask` bool [B|1, Lq, Lk] says who sees whom; who sees nobody gets a finite, meaningless output.
    """
    batch, length, heads, size = queries.shape
    groups = keys.shape[2]
    shape = (batch, length, groups, heads // groups, size)
    together = queries.reshape(shape).transpose(0, 2, 3, 1, 4).reshape(batch, groups, -1, size) * size**-0.5
    bias = jnp.tile(jnp.where(mask, 0.0, -1e30), (1, heads // groups, 1))[:, None]
    attended = _attend(together, keys.transpose(0, 2, 1, 3), values.transpose(0, 2, 1, 3), bias)
    attended = attended.reshape(batch, groups, heads // groups, length, size)
    return attended.transpose(0, 3, 1, 2, 4).reshape(queries.shape)


@jax.custom_vjp
def _attend(queries: Array, keys: Array, values: Array, bias: Array) -> Array:
    """[B, G, Q, D] from queries [B, G, Q, D], keys and values [B, G, L, D] and what is added to the scores [B|1, 1, Q,
    L]."""
    return _forward(queries, keys, values, bias)[0]


def _forward(queries: Array, keys: Array, values: Array, bias: Array) -> tuple[Array, tuple[Array, ...]]:
    scores = jnp.einsum("bgqd,bgld->bgql", queries, keys) + bias
    weights = jnp.exp(scores - scores.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    attended = jnp.einsum("bgql,bgld->bgqd", weights, values)
    return attended, (queries, keys, values, weights, attended)


def _backward(saved: tuple[Array, ...], gradient: Array) -> tuple[Array, Array, Array, None]:
    queries, keys, values, weights, attended = saved
    from_weights = jnp.einsum("bgqd,bgld->bgql", gradient, values)
    from_scores = weights * (from_weights - (gradient * attended).sum(-1, keepdims=True))
    from_queries = jnp.einsum("bgql,bgld->bgqd", from_scores, keys)
    return from_queries, _over_queries(queries, from_scores), _over_queries(gradient, weights), None


def _over_queries(narrow: Array, wide: Array) -> Array:
    """[B, G, Q, D] and [B, G, Q, L] -> [B, G, L, D], the sum over Q."""
    # The barrier keeps the compiler from turning the product round again.
    return jax.lax.optimization_barrier(jnp.einsum("bgqd,bgql->bgdl", narrow, wide)).swapaxes(-1, -2)


_attend.defvjp(_forward, _backward)

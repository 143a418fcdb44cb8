"""The next-token loss, without ever holding the logits of a whole batch where the vocabulary is large."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxrec.losses import sequence

Array = jax.Array

_LIMIT = 1 << 25  # logits held at once


def negative_log_likelihood(head: Callable[[Array], Array], hidden: Array, target: Array, vocabulary: int) -> Array:
    """-log p of each target int32 [B, L] from hidden [B, L, D]; `head` gives logits [..., V]. Float32 [B, L].

    Some tokens at a time where B * L * V exceeds 2^25, their logits computed again in the backward pass.
    """

    def of(tokens: tuple[Array, Array]) -> Array:
        logits = head(tokens[0]).astype(jnp.float32)
        return jax.vmap(sequence.cross_entropy)(logits, tokens[1])

    flat = hidden.reshape(-1, hidden.shape[-1]), target.reshape(-1)
    size = target.size
    count = min(size, -(-size * vocabulary // _LIMIT))
    if count <= 1:
        return of(flat).reshape(target.shape)
    width = -(-size // count)
    padded = jax.tree.map(lambda x: jnp.pad(x, [(0, count * width - size)] + [(0, 0)] * (x.ndim - 1)), flat)
    parts = jax.lax.map(jax.checkpoint(of), jax.tree.map(lambda x: x.reshape(count, width, *x.shape[1:]), padded))
    return parts.reshape(-1)[:size].reshape(target.shape)

"""The loss of next-token prediction, which never holds the logits of a whole batch where the vocabulary is large."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxrec.base.chunks import map_chunks
from jaxrec.losses import sequence

Array = jax.Array

_LIMIT = 1 << 25  # logits held at once, 128 MB in float32


def negative_log_likelihood(head: Callable[[Array], Array], hidden: Array, target: Array, vocabulary: int) -> Array:
    """Returns -log p of each target, computed in chunks of tokens where B * L * V exceeds 2^25.

    The backward pass computes the logits of each chunk again, so that only one chunk's logits are held at a time.

    Args:
      head: hidden [..., D] -> logits [..., V]. hidden: [B, L, D]. target: int32 [B, L]. vocabulary: V.

    Returns:
      float32 [B, L].
    """

    def token_losses(hidden: Array, target: Array) -> Array:
        logits = head(hidden).astype(jnp.float32)
        return jax.vmap(sequence.cross_entropy)(logits, target)

    flat = hidden.reshape(-1, hidden.shape[-1]), target.reshape(-1)
    tokens_at_once = max(_LIMIT // vocabulary, 1)
    if target.size <= tokens_at_once:
        return token_losses(*flat).reshape(target.shape)
    return map_chunks(jax.checkpoint(token_losses), flat, tokens_at_once).reshape(target.shape)

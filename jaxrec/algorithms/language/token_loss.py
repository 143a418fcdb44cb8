"""The next-token loss, without ever holding the logits of a whole batch where the vocabulary is large."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxrec.base.chunks import map_chunks
from jaxrec.losses import sequence

Array = jax.Array

_LIMIT = 1 << 25  # logits held at once


def negative_log_likelihood(head: Callable[[Array], Array], hidden: Array, target: Array, vocabulary: int) -> Array:
    """Computes -log p of each target; where B * L * V exceeds 2^25, in chunks of tokens.

    The logits of a chunk are computed again in the backward pass, so that those of one chunk are all that is held.

    Args:
      head: maps hidden [..., D] to logits [..., V]. vocabulary: V.
      hidden: [B, L, D]. target: int32 [B, L].

    Returns:
      float32 [B, L].
    """

    def losses_of(hidden: Array, target: Array) -> Array:
        logits = head(hidden).astype(jnp.float32)
        return jax.vmap(sequence.cross_entropy)(logits, target)

    flat = hidden.reshape(-1, hidden.shape[-1]), target.reshape(-1)
    at_once = max(_LIMIT // vocabulary, 1)
    if target.size <= at_once:
        return losses_of(*flat).reshape(target.shape)
    return map_chunks(jax.checkpoint(losses_of), flat, at_once).reshape(target.shape)

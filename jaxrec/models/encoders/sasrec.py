"""SASRec over the window (Kang and McAuley, 2018): each pair attends to the pairs before it."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models import caches
from jaxrec.models.dropout import Dropout
from jaxrec.models.encoders.interactions import InteractionEmbedding
from jaxrec.models.transformer import Block, attend


class Encoder(nn.Module):
    """Positions are counted back from the newest pair, so padding on the left changes nothing.

    The last block computes queries, and what follows from them, for the places alone whose outputs are asked for.
    Dropout falls where a stream of random numbers is handed in (`rngs={"dropout": key}`), and only where `at` is given:
    on the pairs and on what blocks add to the residual stream.
    """

    num_items: int
    width: int
    feedback_scale: float = 1.0
    num_layers: int = 1
    num_heads: int = 1
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self,
        item: jax.Array,
        feedback: jax.Array,
        mask: jax.Array,
        at: jax.Array | str | None = None,
        joined: jax.Array | None = None,
    ) -> jax.Array:
        window = item.shape[-1]
        pairs = InteractionEmbedding(self.num_items, self.width, self.feedback_scale)(item, feedback, joined)
        position = self.param("position", nn.initializers.normal(0.02), (window, self.width), jnp.float32)
        hidden = pairs.reshape(-1, window, self.width) + position[None, ::-1]
        blocks = [Block(self.width, self.num_heads, self.num_layers, self.dropout) for _ in range(self.num_layers)]
        norm = nn.LayerNorm(epsilon=1e-5)
        mask = mask.reshape(-1, window)
        if at is not None:
            places, still = at if isinstance(at, str) else at.reshape(-1, at.shape[-1]), not self.has_rng("dropout")
            hidden = Dropout(self.dropout)(hidden, still)
            states = _after(blocks, norm, hidden, mask, places, still)
            return states.reshape(*item.shape[:-1], -1, self.width)
        state, _ = caches.encode_suffixes(blocks, attend, norm, hidden, mask, lengths=(window,))
        return state.reshape(*item.shape[:-1], self.width)


def _after(
    blocks: list[Block], norm: nn.Module, hidden: jax.Array, mask: jax.Array, places: jax.Array | str, still: bool
) -> jax.Array:
    """Outputs [B, P, D] of hidden [B, W, D]; a place sees the real places up to itself."""
    visible = mask[:, None, :] & jnp.tri(mask.shape[1], dtype=bool)[None]
    *lower, last = blocks
    for block in lower:
        hidden = block(hidden, visible, still)
    return norm(last(hidden, visible, still, read=places))

"""SASRec (Kang and McAuley, 2018): self-attention over the window, each pair to itself and the pairs before it."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models import caches
from jaxrec.models.encoders.sequence_encoder import SequenceEncoder
from jaxrec.models.transformer import Block, attend


class Encoder(SequenceEncoder):
    """Encodes windows by causal self-attention. Positions are counted back from the newest pair, so padding on the left
    changes nothing.

    The last block computes queries, and what follows from them, only at the positions whose states are returned.
    In `states` and `states_at` dropout falls on the embedded pairs and on what blocks add to the residual stream, but
    only where random numbers are handed in (`rngs={"dropout": key}`). The call that returns the newest state alone has
    no dropout.
    """

    num_layers: int = 1
    num_heads: int = 1
    post_norm: bool = False

    def states(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        states = self._attended(self.embedding(item, feedback, joined), mask, None)
        return states.reshape(*item.shape[:-1], -1, self.width)

    def states_at(
        self,
        item: jax.Array,
        feedback: jax.Array,
        mask: jax.Array,
        positions: jax.Array,
        joined: jax.Array | None = None,
    ) -> jax.Array:
        pairs = self.embedding(item, feedback, joined)
        states = self._attended(pairs, mask, positions.reshape(-1, positions.shape[-1]))
        return states.reshape(*item.shape[:-1], -1, self.width)

    def __call__(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        hidden, blocks, norm = self._layers(self.embedding(item, feedback, joined))
        window = item.shape[-1]
        state, _ = caches.encode_suffixes(blocks, attend, norm, hidden, mask.reshape(-1, window), lengths=(window,))
        return state.reshape(*item.shape[:-1], self.width)

    def _attended(self, pairs: jax.Array, mask: jax.Array, positions: jax.Array | None) -> jax.Array:
        """Returns the outputs [B, P, D] at the positions, int32 [B, P], or [B, W, D] at all of them for None."""
        hidden, (*lower, last), norm = self._layers(pairs)
        deterministic = not self.has_rng("dropout")
        window = hidden.shape[1]
        visible = mask.reshape(-1, 1, window) & jnp.tri(window, dtype=bool)[None]
        hidden = self.drop(hidden)
        for block in lower:
            hidden = block(hidden, visible, deterministic)
        return norm(last(hidden, visible, deterministic, output_tokens=positions))

    @nn.compact
    def _layers(self, pairs: jax.Array) -> tuple[jax.Array, list[Block], Callable[[jax.Array], jax.Array]]:
        """Returns the pairs with their positions added, as rows [B, W, D], the blocks above them and the last norm."""
        window = pairs.shape[-2]
        position = self.param("position", nn.initializers.normal(0.02), (window, self.width), jnp.float32)
        hidden = pairs.reshape(-1, window, self.width) + position[None, ::-1]
        sizes = (self.width, self.num_heads, self.num_layers)
        blocks = [Block(*sizes, self.dropout, post_norm=self.post_norm) for _ in range(self.num_layers)]
        norm = (lambda hidden: hidden) if self.post_norm else nn.LayerNorm(epsilon=1e-5)
        return self.normed(hidden), blocks, norm

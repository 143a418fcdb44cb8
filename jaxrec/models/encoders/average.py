"""Averages the window's pairs (EasyRL4Rec's Average tracker)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxrec.models.encoders.sequence_encoder import SequenceEncoder


class Encoder(SequenceEncoder):
    """Averages embedded pairs: the state after a position is the mean of the real pairs up to it, zero where there are
    none."""

    def states(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        pairs = jnp.where(mask[..., None], self.embedded(item, feedback, joined), 0.0)
        return pairs.cumsum(-2) / jnp.maximum(mask.cumsum(-1)[..., None], 1)

    def __call__(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        pairs = jnp.where(mask[..., None], self.embedded(item, feedback, joined), 0.0)
        return pairs.sum(-2) / jnp.maximum(mask.sum(-1, keepdims=True), 1)

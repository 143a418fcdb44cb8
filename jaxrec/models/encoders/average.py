"""The mean of the window's pairs (EasyRL4Rec's Average tracker)."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.encoders.interactions import InteractionEmbedding
from jaxrec.models.history import take


class Encoder(nn.Module):
    num_items: int
    width: int
    feedback_scale: float = 1.0

    @nn.compact
    def __call__(
        self,
        item: jax.Array,
        feedback: jax.Array,
        mask: jax.Array,
        at: jax.Array | str | None = None,
        joined: jax.Array | None = None,
    ) -> jax.Array:
        pairs = InteractionEmbedding(self.num_items, self.width, self.feedback_scale)(item, feedback, joined)
        pairs = jnp.where(mask[..., None], pairs, 0.0)
        if at is None:
            return pairs.sum(-2) / jnp.maximum(mask.sum(-1, keepdims=True), 1)
        return take(pairs.cumsum(-2) / jnp.maximum(mask.cumsum(-1)[..., None], 1), at)

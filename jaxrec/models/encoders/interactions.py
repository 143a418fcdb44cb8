"""Embeds (item, feedback) pairs; every encoder reads its input through this table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import Dense

PARAMETERS = "InteractionEmbedding_0"  # where an encoder's parameters hold those of its pair embedding


class InteractionEmbedding(nn.Module):
    """Embeds pairs item [...], feedback [...] as vectors [..., D]: `e[item] + feedback / feedback_scale * g[item]`.

    Each item has its own response vector g to feedback, so liking one item and disliking another is not the same as
    the reverse even under an encoder that only averages. Both halves come from one table, hence one gather.

    Where feedback is not read a pair is `e[item]` alone.

    With `joined` [..., D_j], one vector per window, each pair becomes W [pair, joined] + b (T 5.5).
    """

    num_items: int
    width: int
    feedback_scale: float = 1.0
    reads_feedback: bool = True

    @nn.compact
    def __call__(self, item: jax.Array, feedback: jax.Array, joined: jax.Array | None = None) -> jax.Array:
        init = nn.initializers.normal(self.width**-0.5)
        if self.reads_feedback:
            table = self.param("table", init, (self.num_items, 2 * self.width), jnp.float32)
            base, response = jnp.split(jnp.take(table, item, axis=0, mode="clip"), 2, axis=-1)
            pairs = base + (feedback / self.feedback_scale)[..., None] * response
        else:
            items = self.param("items", init, (self.num_items, self.width), jnp.float32)
            pairs = jnp.take(items, item, axis=0, mode="clip")
        if joined is None:
            return pairs
        joined = jnp.broadcast_to(joined[..., None, :], (*pairs.shape[:-1], joined.shape[-1]))
        return Dense(self.width, name="joined")(jnp.concatenate([pairs, joined], -1))


def item_vectors(encoder_params: Mapping[str, Any]) -> jax.Array:
    """Returns the item embeddings e [A, D], without the response to feedback, from any encoder's parameters."""
    own = encoder_params[PARAMETERS]
    return own["items"] if "items" in own else own["table"][..., : own["table"].shape[-1] // 2]

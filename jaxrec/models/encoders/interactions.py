"""How one (item, feedback) pair becomes a vector; shared by the encoders."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import Dense


class InteractionEmbedding(nn.Module):
    """item [...], feedback [...] -> [..., D]: `e[item] + feedback / feedback_scale * g[item]`.

    Each item has its own response to feedback, so liking one item and disliking another is not the same as the reverse
    even under an encoder that only averages. Both halves come from one table, hence one gather.

    `joined` [..., D_j], where given, is one vector for the whole window: W [pair, joined] + b takes the pair's place
    (T 5.5).
    """

    num_items: int
    width: int
    feedback_scale: float = 1.0

    @nn.compact
    def __call__(self, item: jax.Array, feedback: jax.Array, joined: jax.Array | None = None) -> jax.Array:
        init = nn.initializers.normal(self.width**-0.5)
        table = self.param("table", init, (self.num_items, 2 * self.width), jnp.float32)
        base, response = jnp.split(jnp.take(table, item, axis=0, mode="clip"), 2, axis=-1)
        pairs = base + (feedback / self.feedback_scale)[..., None] * response
        if joined is None:
            return pairs
        joined = jnp.broadcast_to(joined[..., None, :], (*pairs.shape[:-1], joined.shape[-1]))
        return Dense(self.width, name="joined")(jnp.concatenate([pairs, joined], -1))


def item_vectors(encoder_params: Any) -> jax.Array:
    """[A, D]: the items' own half of the table, without the response to feedback, from any encoder's parameters."""
    table = encoder_params[f"{InteractionEmbedding.__name__}_0"]["table"]
    return table[:, : table.shape[-1] // 2]

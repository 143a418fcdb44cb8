"""Caser over the window (Tang and Wang, 2018): filters across the last pairs (horizontal) and along them (vertical).

The published settings of the next-item papers: one vertical filter, 16 horizontal ones of each of the heights 2, 3, 4
(T 5.4.2).
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import Dense
from jaxrec.models.encoders.interactions import InteractionEmbedding
from jaxrec.models.history import earlier, take


class Encoder(nn.Module):
    """Our reading where the paper is silent: masked places embed as zero, and a horizontal filter's maximum is over the
    places where it ends on a real pair (its activation is never negative, so that none counts as 0).

    The vertical filter's weights belong to how far back a pair lies. So the state after a place depends on the pairs up
    to it alone, not on where in the window they lie.
    """

    num_items: int
    width: int
    feedback_scale: float = 1.0
    num_vertical: int = 1
    num_horizontal: int = 16
    heights: tuple[int, ...] = (2, 3, 4)

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
        pairs = jnp.where(mask[..., None], pairs, 0.0)
        parts = []
        for height in self.heights:
            stacked = jnp.concatenate([earlier(pairs, steps) for steps in range(height)], -1)
            found = nn.relu(Dense(self.num_horizontal, name=f"horizontal_{height}")(stacked))
            found = jnp.where(mask[..., None], found, 0.0)
            parts.append(found.max(-2) if at is None else take(jax.lax.cummax(found, axis=found.ndim - 2), at))
        vertical = self.param("vertical", nn.initializers.lecun_normal(), (window, self.num_vertical), jnp.float32)
        if at is None:
            along = jnp.einsum("sv,...sd->...vd", vertical[::-1], pairs)
            parts.append(along.reshape(*along.shape[:-2], -1))
        else:
            back = jnp.arange(window)[:, None] - jnp.arange(window)[None]  # how far place s lies behind place t
            weights = jnp.where((back >= 0)[..., None], vertical[jnp.maximum(back, 0)], 0.0)
            along = jnp.einsum("tsv,...sd->...tvd", weights, pairs)
            parts.append(take(along.reshape(*along.shape[:-2], -1), at))
        return nn.relu(Dense(self.width, name="output")(jnp.concatenate(parts, -1)))

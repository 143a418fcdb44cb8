"""GRU4Rec over the window (Hidasi et al., 2016); masked pairs leave the state as it is."""

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
        unroll = min(item.shape[-1], 8)

        def step(cell: nn.Module, state: jax.Array, inputs: tuple[jax.Array, jax.Array]):
            state = _masked_step(cell, state, inputs)
            return state, None if at is None else state

        scan = nn.scan(step, variable_broadcast="params", split_rngs={"params": False}, unroll=unroll)
        inputs = (jnp.moveaxis(pairs, -2, 0), jnp.moveaxis(mask, -1, 0))
        # Not flax's orthogonal default: its QR, vmapped over seeds, has been seen to deadlock on a CPU of two cores.
        cell = nn.GRUCell(self.width, recurrent_kernel_init=nn.initializers.lecun_normal(), name="cell")
        state, states = scan(cell, jnp.zeros_like(pairs[..., 0, :]), inputs)
        return state if at is None else take(jnp.moveaxis(states, 0, -2), at)


def _masked_step(cell: nn.Module, state: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
    pair, real = inputs
    advanced, _ = cell(state, pair)
    return jnp.where(real[..., None], advanced, state)

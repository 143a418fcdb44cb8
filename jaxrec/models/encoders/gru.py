"""GRU4Rec (Hidasi et al., 2016): a gated recurrent unit over the window."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.encoders.sequence_encoder import SequenceEncoder


class Encoder(SequenceEncoder):
    """Reads a window with a gated recurrent unit, whose state is zero at first; a padded pair leaves it as it is."""

    def setup(self):
        super().setup()
        # Not flax's orthogonal default: its QR, vmapped over seeds, has been seen to deadlock on a CPU of two cores.
        self.cell = nn.GRUCell(self.width, recurrent_kernel_init=nn.initializers.lecun_normal())

    def states(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        def step(cell: nn.Module, state: jax.Array, inputs: tuple[jax.Array, jax.Array]):
            state = _masked_step(cell, state, inputs)
            return state, state

        _, states = self._scan(step, item, feedback, mask, joined)
        return jnp.moveaxis(states, 0, -2)

    def __call__(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        def step(cell: nn.Module, state: jax.Array, inputs: tuple[jax.Array, jax.Array]):
            return _masked_step(cell, state, inputs), None

        newest, _ = self._scan(step, item, feedback, mask, joined)
        return newest

    def _scan(self, step, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None):
        """Runs `step` over the positions; returns the last state [..., D] and what `step` stacks, [W, ...]."""
        pairs = self.embedded(item, feedback, joined)
        unroll = min(item.shape[-1], 8)
        scan = nn.scan(step, variable_broadcast="params", split_rngs={"params": False}, unroll=unroll)
        inputs = (jnp.moveaxis(pairs, -2, 0), jnp.moveaxis(mask, -1, 0))
        return scan(self.cell, jnp.zeros_like(pairs[..., 0, :]), inputs)


def _masked_step(cell: nn.Module, state: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> jax.Array:
    pair, real = inputs
    advanced, _ = cell(state, pair)
    return jnp.where(real[..., None], advanced, state)

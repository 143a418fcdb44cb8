"""NextItNet (Yuan et al., 2019): residual blocks of dilated causal convolutions over the window."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import Dense
from jaxrec.models.encoders.sequence_encoder import SequenceEncoder
from jaxrec.models.history import earlier


class Encoder(SequenceEncoder):
    """Encodes windows by blocks of dilated causal convolutions, one block for each entry of `dilations`.

    A block is the second of the paper's two kinds: a convolution of that dilation and one of twice the dilation, each
    normed and rectified, added to the block's input. With kernels of 3 the default sees 31 pairs back.

    Padded positions are zero before every convolution, so padding on the left equals the start of the sequence.
    """

    dilations: tuple[int, ...] = (1, 4)
    kernel: int = 3

    def setup(self):
        super().setup()
        self.blocks = [
            [
                _Convolution(self.width, self.kernel, reach, name=f"block_{block}_{half}")
                for half, reach in enumerate((dilation, 2 * dilation))
            ]
            for block, dilation in enumerate(self.dilations)
        ]

    def states(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        hidden = jnp.where(mask[..., None], self.embedded(item, feedback, joined), 0.0)
        for block in self.blocks:
            inner = hidden
            for convolution in block:
                inner = jnp.where(mask[..., None], convolution(inner), 0.0)
            hidden = hidden + inner
        return hidden


class _Convolution(nn.Module):
    """Convolves [..., W, D] -> [..., W, D] causally, written as one product of matrices; then norms and rectifies."""

    width: int
    kernel: int
    dilation: int

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        taps = [earlier(inputs, step * self.dilation) for step in range(self.kernel)]
        mixed = Dense(self.width)(jnp.concatenate(taps, -1))
        return nn.relu(nn.LayerNorm(epsilon=1e-5)(mixed))

"""NextItNet over the window (Yuan et al., 2019): residual blocks of dilated causal convolutions."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import Dense
from jaxrec.models.encoders.interactions import InteractionEmbedding
from jaxrec.models.history import earlier, take


class Encoder(nn.Module):
    """Each entry of `dilations` is one block (the paper's second kind): two convolutions of that dilation and of twice
    it, each normed and rectified, added to what came in. With kernels of 3 the default sees 31 pairs back.

    Masked places are zero before every convolution, so padding on the left is what lies before the sequence began.
    """

    num_items: int
    width: int
    feedback_scale: float = 1.0
    dilations: tuple[int, ...] = (1, 4)
    kernel: int = 3

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
        hidden = jnp.where(mask[..., None], pairs, 0.0)
        for block, dilation in enumerate(self.dilations):
            inner = hidden
            for half, reach in enumerate((dilation, 2 * dilation)):
                inner = _Convolution(self.width, self.kernel, reach, name=f"block_{block}_{half}")(inner)
                inner = jnp.where(mask[..., None], inner, 0.0)
            hidden = hidden + inner
        return hidden[..., -1, :] if at is None else take(hidden, at)


class _Convolution(nn.Module):
    """Causal and dilated [..., W, D] -> [..., W, D], written as one product of matrices; normed, rectified."""

    width: int
    kernel: int
    dilation: int

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        taps = [earlier(inputs, step * self.dilation) for step in range(self.kernel)]
        mixed = Dense(self.width)(jnp.concatenate(taps, -1))
        return nn.relu(nn.LayerNorm(epsilon=1e-5)(mixed))

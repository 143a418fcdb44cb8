"""Small networks around a backbone: what embeds its inputs and what reads its outputs."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import Dense


class MLP(nn.Module):
    """[..., F] -> [..., features[-1]]: dense layers with GELU between them."""

    features: tuple[int, ...]
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        for size in self.features[:-1]:
            inputs = nn.gelu(Dense(size, dtype=self.dtype)(inputs), approximate=True)
        return Dense(self.features[-1], dtype=self.dtype)(inputs)


class Embedding(nn.Module):
    """Features [..., F] to tokens [..., D]: `layers` 2 is paper M's MLP, 1 its linear ablation (M table 4)."""

    width: int
    layers: int = 2
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        return MLP((self.width,) * self.layers, self.dtype)(inputs)

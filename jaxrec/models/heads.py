"""Small networks around a backbone: embeddings of its inputs and heads on its outputs."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import Dense


class MLP(nn.Module):
    """Maps [..., F] to [..., features[-1]] by dense layers with GELU between them.

    Attributes:
      features: output size of each layer.
    """

    features: tuple[int, ...]
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        for size in self.features[:-1]:
            inputs = nn.gelu(Dense(size, dtype=self.dtype)(inputs), approximate=True)
        return Dense(self.features[-1], dtype=self.dtype)(inputs)


class Embedding(nn.Module):
    """Embeds features [..., F] as tokens [..., D] (M 3.3).

    Attributes:
      width: D. layers: 2 for the MLP of M 3.3; 1 for the linear embedding of M table 4.
    """

    width: int
    layers: int = 2
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: jax.Array) -> jax.Array:
        return MLP((self.width,) * self.layers, self.dtype)(inputs)

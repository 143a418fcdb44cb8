"""Low-rank adapters (Hu et al., 2022; M 3.3): x W + (x A) B * alpha / r, without ever computing the matrix W + A B."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import matmul
from jaxrec.models.dropout import Dropout

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class LoRA:
    """The settings of adapters.

    Attributes:
      rank: r; 0 means no adapters. alpha: what an adapter adds is scaled by alpha / r. dropout: the rate, on its input.
    """

    rank: int = 0
    alpha: float = 32.0
    dropout: float = 0.1


class Adapters(nn.Module):
    """Computes what adapters add to several projections of one input [..., D], each [..., sizes[i]].

    One matrix product computes x A of all adapters, and one dropout mask serves all. B starts at zero, so that a new
    adapter adds nothing. A starts uniform with variance 1 / (3 D), as in the library peft.

    Attributes:
      sizes: of the projections' outputs. lora: the settings, of rank 1 or more.
    """

    sizes: Sequence[int]
    lora: LoRA
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: Array, deterministic: bool = True) -> list[Array]:
        rank, count = self.lora.rank, len(self.sizes)
        start = nn.initializers.variance_scaling(1.0 / 3.0, "fan_in", "uniform")
        matrices_a = [self.param(f"a_{i}", start, (inputs.shape[-1], rank), jnp.float32) for i in range(count)]
        matrices_b = [self.param(f"b_{i}", nn.initializers.zeros, (rank, size)) for i, size in enumerate(self.sizes)]
        dropped = Dropout(self.lora.dropout)(inputs.astype(self.dtype), deterministic)
        projected = matmul(dropped, jnp.concatenate(matrices_a, axis=1).astype(self.dtype)) * (self.lora.alpha / rank)
        per_adapter = jnp.split(projected, count, axis=-1)
        return [matmul(x, b.astype(self.dtype)) for x, b in zip(per_adapter, matrices_b, strict=True)]

"""Low-rank adapters (Hu et al., 2022; M 3.3): xW + (xA)B * alpha / r, never W + AB."""

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
    """Rank 0 means none. `alpha / rank` scales what the adapter adds; `dropout` falls on its input."""

    rank: int = 0
    alpha: float = 32.0
    dropout: float = 0.1


class Adapters(nn.Module):
    """What the adapters of several projections of one input add to them, each [..., sizes[i]].

    One product with all A side by side, and one mask of dropout for all. B starts at zero, so that a new adapter
    changes nothing; A as a dense layer's kernel (uniform, variance 1 / (3 D), as peft has it).
    """

    sizes: Sequence[int]
    lora: LoRA
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: Array, deterministic: bool = True) -> list[Array]:
        rank, count = self.lora.rank, len(self.sizes)
        start = nn.initializers.variance_scaling(1.0 / 3.0, "fan_in", "uniform")
        narrow = [self.param(f"a_{i}", start, (inputs.shape[-1], rank), jnp.float32) for i in range(count)]
        wide = [self.param(f"b_{i}", nn.initializers.zeros, (rank, size)) for i, size in enumerate(self.sizes)]
        dropped = Dropout(self.lora.dropout)(inputs.astype(self.dtype), deterministic)
        down = matmul(dropped, jnp.concatenate(narrow, axis=1).astype(self.dtype)) * (self.lora.alpha / rank)
        parts = jnp.split(down, count, axis=-1)
        return [matmul(part, b.astype(self.dtype)) for part, b in zip(parts, wide, strict=True)]

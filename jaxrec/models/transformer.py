"""The causal transformer behind every trajectory model: GPT-2's pre-norm blocks without a position table.

Positions are the caller's business (a timestep embedding, added before), so that a pre-trained language model can stand
behind the same call; what both offer stands in `backbone`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.models.backbone import Backbone, Read, kernel_deviation, residual_deviation, tokens_read
from jaxrec.models.dense import Dense
from jaxrec.models.dropout import Dropout

Array = jax.Array

RANGES = {
    "width": ranges.COUNT,
    "num_layers": ranges.COUNT,
    "num_heads": ranges.COUNT,
    "dropout": ranges.BELOW_ONE,
}


def check(prefix: str, options: Mapping[str, Any]) -> None:
    """Raises JaxrecError where options of the names in `RANGES`, width and heads among them, make no transformer."""
    ranges.check(prefix, options, RANGES)
    width, num_heads = options["width"], options["num_heads"]
    if width % num_heads:
        raise JaxrecError(f"{prefix}width {width} does not split into {num_heads} heads: change either")


class Block(nn.Module):
    """One pre-norm block, cut where attention happens so that callers may choose who attends to whom.

    `queries` and `context` are per token, `merge` adds the attended values and the feed-forward part.
    """

    width: int
    num_heads: int
    num_layers: int = 1
    dropout: float = 0.0
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        small = nn.initializers.normal(kernel_deviation(self.width))
        residual = nn.initializers.normal(residual_deviation(self.width, self.num_layers))
        self.attention_norm = nn.LayerNorm(epsilon=1e-5, dtype=self.dtype)
        self.query = Dense(self.width, kernel_init=small, dtype=self.dtype)
        self.key = Dense(self.width, kernel_init=small, dtype=self.dtype)
        self.value = Dense(self.width, kernel_init=small, dtype=self.dtype)
        self.output = Dense(self.width, kernel_init=residual, dtype=self.dtype)
        self.mlp_norm = nn.LayerNorm(epsilon=1e-5, dtype=self.dtype)
        self.expand = Dense(4 * self.width, kernel_init=small, dtype=self.dtype)
        self.contract = Dense(self.width, kernel_init=residual, dtype=self.dtype)
        self.residual_dropout = Dropout(self.dropout)

    def _heads(self, projected: Array) -> Array:
        return projected.reshape(*projected.shape[:-1], self.num_heads, self.width // self.num_heads)

    def queries(self, hidden: Array) -> Array:
        """[..., L, D] -> [..., L, H, D / H]."""
        return self._heads(self.query(self.attention_norm(hidden)))

    def context(self, hidden: Array) -> tuple[Array, Array]:
        """Keys and values, each [..., L, H, D / H]."""
        normed = self.attention_norm(hidden)
        return self._heads(self.key(normed)), self._heads(self.value(normed))

    def merge(self, hidden: Array, attended: Array, deterministic: bool = True) -> Array:
        """Residual stream [..., L, D] plus what was attended to [..., L, H, D / H] and the feed-forward part."""
        attended = self.output(attended.reshape(hidden.shape))
        hidden = hidden + self.residual_dropout(attended, deterministic)
        expanded = nn.gelu(self.expand(self.mlp_norm(hidden)), approximate=True)
        return hidden + self.residual_dropout(self.contract(expanded), deterministic)

    def __call__(self, hidden: Array, mask: Array | None, deterministic: bool = True, read: Read = None) -> Array:
        """[B, L, D] -> [B, L, D], or [B, P, D] of the tokens read."""
        keys, values = self.context(hidden)
        if read is not None:
            mask = jnp.tri(hidden.shape[1], dtype=bool)[None] if mask is None else mask
            mask = mask if isinstance(read, tuple) else jnp.broadcast_to(mask, (len(hidden), *mask.shape[1:]))
            hidden, mask = tokens_read(hidden, read), tokens_read(mask, read)
        return self.merge(hidden, attend(self.queries(hidden), keys, values, mask), deterministic)


def attend(queries: Array, keys: Array, values: Array, mask: Array | None) -> Array:
    """Softmax attention [B, Lq, H, D/H]; `mask` bool [B|1, Lq, Lk] says who sees whom, None means causal."""
    if mask is None:
        return jax.nn.dot_product_attention(queries, keys, values, is_causal=True)
    return jax.nn.dot_product_attention(queries, keys, values, mask=mask[:, None])


class Transformer(Backbone):
    """The decoder from scratch; see `Backbone` for what it offers."""

    width: int
    num_layers: int
    num_heads: int
    dropout: float = 0.0
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        self.blocks = [
            Block(self.width, self.num_heads, self.num_layers, self.dropout, self.dtype) for _ in range(self.num_layers)
        ]
        self.norm = nn.LayerNorm(epsilon=1e-5, dtype=self.dtype)
        self.embedding_dropout = Dropout(self.dropout)

    def attention(self) -> Callable[..., Array]:
        return attend

    def key_sizes(self) -> dict[str, int]:
        head_size = self.width // self.num_heads
        return {"num_layers": self.num_layers, "num_heads": self.num_heads, "head_size": head_size}

"""The causal transformer of every trajectory model: GPT-2's pre-norm blocks without a table of positions.

The caller adds positions to the embeddings, for instance an embedding of the turn. So a pre-trained language model can
take the transformer's place; `backbone.Backbone` says what both compute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.models.backbone import Backbone, OutputTokens, kernel_deviation, residual_deviation, select_tokens
from jaxrec.models.dense import Dense
from jaxrec.models.dropout import Dropout

Array = jax.Array

RANGES = {
    "width": ranges.COUNT,
    "num_layers": ranges.COUNT,
    "num_heads": ranges.COUNT,
    "dropout": ranges.BELOW_ONE,
}


def check_sizes(prefix: str, options: Mapping[str, Any]) -> None:
    """Checks the options of a transformer.

    Args:
      prefix: what stands before an option's name in the message, for the user to find the option.
      options: name -> value; `width` and `num_heads`, and any others of `RANGES`.

    Raises:
      JaxrecError: an option is out of its range, or the width is no multiple of the number of heads.
    """
    ranges.check(prefix, options, RANGES)
    width, num_heads = options["width"], options["num_heads"]
    if width % num_heads:
        raise JaxrecError(f"{prefix}width {width} does not split into {num_heads} heads: change either")


class Block(nn.Module):
    """One pre-norm block in three parts: `queries` and `context` before attention, `merge` after it.

    The parts before and after work on each token alone. So a caller may compute attention itself, over cached keys and
    values for instance.

    Attributes:
      width: D. num_heads: H. num_layers: of the whole transformer, by which the initial kernels are scaled.
      post_norm: norms after each sum of the residual stream, as in the first transformers, not before each layer.
    """

    width: int
    num_heads: int
    num_layers: int = 1
    dropout: float = 0.0
    dtype: jnp.dtype = jnp.float32
    post_norm: bool = False

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
        """Returns the queries [..., L, H, D/H] of hidden states [..., L, D]."""
        return self._heads(self.query(self._attention_input(hidden)))

    def context(self, hidden: Array) -> tuple[Array, Array]:
        """Returns (keys, values), each [..., L, H, D/H], of hidden states [..., L, D]."""
        normed = self._attention_input(hidden)
        return self._heads(self.key(normed)), self._heads(self.value(normed))

    def merge(self, hidden: Array, attended: Array, deterministic: bool = True) -> Array:
        """Returns the residual stream [..., L, D] after attention and the feed-forward layers.

        Args:
          hidden: [..., L, D]. attended: [..., L, H, D/H], the weighted sum of values. deterministic: no dropout.
        """
        attended = self.output(attended.reshape(hidden.shape))
        hidden = hidden + self.residual_dropout(attended, deterministic)
        if self.post_norm:
            hidden = self.attention_norm(hidden)
            return self.mlp_norm(hidden + self._feed_forward(hidden, deterministic))
        return hidden + self._feed_forward(self.mlp_norm(hidden), deterministic)

    def _attention_input(self, hidden: Array) -> Array:
        return hidden if self.post_norm else self.attention_norm(hidden)

    def _feed_forward(self, hidden: Array, deterministic: bool) -> Array:
        expanded = nn.gelu(self.expand(hidden), approximate=True)
        return self.residual_dropout(self.contract(expanded), deterministic)

    def __call__(
        self, hidden: Array, mask: Array | None, deterministic: bool = True, output_tokens: OutputTokens = None
    ) -> Array:
        """Returns the hidden states [B, L, D] after the block, or [B, P, D] of P output tokens; see `Backbone`."""
        keys, values = self.context(hidden)
        if output_tokens is not None:
            mask = jnp.tri(hidden.shape[1], dtype=bool)[None] if mask is None else mask
            mask = mask if isinstance(output_tokens, tuple) else jnp.broadcast_to(mask, (len(hidden), *mask.shape[1:]))
            hidden, mask = select_tokens(hidden, output_tokens), select_tokens(mask, output_tokens)
        return self.merge(hidden, attend(self.queries(hidden), keys, values, mask), deterministic)


def attend(queries: Array, keys: Array, values: Array, mask: Array | None) -> Array:
    """Returns softmax attention, [B, Lq, H, D/H].

    Args:
      queries: [B, Lq, H, D/H]. keys, values: [B, Lk, H, D/H].
      mask: bool [B or 1, Lq, Lk], which keys each query sees; None is the causal mask.
    """
    if mask is None:
        return jax.nn.dot_product_attention(queries, keys, values, is_causal=True)
    return jax.nn.dot_product_attention(queries, keys, values, mask=mask[:, None])


class Transformer(Backbone):
    """A causal decoder with random initial weights; see `Backbone`.

    Attributes:
      width: D. num_heads: H. dropout: the rate.
    """

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

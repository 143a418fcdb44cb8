"""One decoder for the GPT-2 and Llama families, a `models.backbone.Backbone`.

As a language model it maps token ids to logits. As a backbone it maps embeddings of any kind to outputs. Then GPT-2's
table of positions is not added, because the caller's embeddings carry their own positions; rotary models count the
embeddings as they stand in the sequence, because rotation is part of their attention.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.base.errors import JaxrecError
from jaxrec.models.backbone import Backbone, OutputTokens, kernel_deviation, residual_deviation, select_tokens
from jaxrec.models.dense import Dense
from jaxrec.models.dropout import Dropout
from jaxrec.models.language import attention
from jaxrec.models.language.decoder_config import DecoderConfig
from jaxrec.models.lora import Adapters, LoRA
from jaxrec.models.start_caches import StartCaches

Array = jax.Array

_ACTIVATIONS = {
    "gelu_tanh": partial(nn.gelu, approximate=True),
    "gelu": partial(nn.gelu, approximate=False),
    "relu": nn.relu,
    "silu": nn.silu,
}


def _norm(config: DecoderConfig, dtype: jnp.dtype) -> nn.Module:
    layer = nn.LayerNorm if config.family == "gpt2" else nn.RMSNorm
    return layer(epsilon=config.norm_epsilon, dtype=dtype)


class Block(nn.Module):
    """One pre-norm block in three parts, before and after attention (see `transformer.Block`).

    Attributes:
      lora: settings of the adapters on queries, keys and values (M 3.3; M 4.1). dropout: the rate, on what the block
        adds to the residual stream.
    """

    config: DecoderConfig
    lora: LoRA = LoRA()
    dropout: float = 0.0
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        c = self.config
        small = nn.initializers.normal(kernel_deviation(c.width))
        residual = nn.initializers.normal(residual_deviation(c.width, c.num_layers))
        dense = partial(Dense, kernel_init=small, dtype=self.dtype)
        self.attention_norm, self.mlp_norm = _norm(c, self.dtype), _norm(c, self.dtype)
        self.query = dense(c.num_heads * c.head_size, use_bias=c.qkv_bias)
        self.key = dense(c.num_kv_heads * c.head_size, use_bias=c.qkv_bias)
        self.value = dense(c.num_kv_heads * c.head_size, use_bias=c.qkv_bias)
        self.output = dense(c.width, kernel_init=residual, use_bias=c.output_bias)
        if c.family == "llama":
            self.gate = dense(c.mlp_width, use_bias=c.mlp_bias)
        self.expand = dense(c.mlp_width, use_bias=c.mlp_bias)
        self.contract = dense(c.width, kernel_init=residual, use_bias=c.mlp_bias)
        self.residual_dropout = Dropout(self.dropout)
        if self.lora.rank:
            sizes = tuple(heads * c.head_size for heads in (c.num_heads, c.num_kv_heads, c.num_kv_heads))
            self.lora_qkv = Adapters(sizes, self.lora, self.dtype)

    def _project(self, hidden: Array, deterministic: bool = True) -> list[Array]:
        """Returns queries, keys and values, each [..., L, heads, head_size], of hidden states [..., L, D]."""
        normed = self.attention_norm(hidden)
        projected = [self.query(normed), self.key(normed), self.value(normed)]
        if self.lora.rank:
            added = self.lora_qkv(normed, deterministic)
            projected = [base + extra for base, extra in zip(projected, added, strict=True)]
        return [p.reshape(*p.shape[:-1], -1, self.config.head_size) for p in projected]

    def queries(self, hidden: Array) -> Array:
        """Returns the queries [..., L, H, head_size], not rotated, of hidden states [..., L, D]."""
        return self._project(hidden)[0]

    def context(self, hidden: Array) -> tuple[Array, Array]:
        """Returns (keys, values), each [..., L, G, head_size], not rotated, of hidden states [..., L, D]."""
        _, keys, values = self._project(hidden)
        return keys, values

    def merge(self, hidden: Array, attended: Array, deterministic: bool = True) -> Array:
        """Returns the residual stream [..., L, D] after attention and the feed-forward layers.

        Args:
          hidden: [..., L, D]. attended: [..., L, H, head_size], the weighted sum of values. deterministic: no dropout.
        """
        attended = self.output(attended.reshape(*hidden.shape[:-1], -1))
        hidden = hidden + self.residual_dropout(attended, deterministic)
        normed, activation = self.mlp_norm(hidden), _ACTIVATIONS[self.config.activation]
        inner = self.expand(normed)
        inner = activation(self.gate(normed)) * inner if self.config.family == "llama" else activation(inner)
        return hidden + self.residual_dropout(self.contract(inner), deterministic)

    def __call__(
        self, hidden: Array, mask: Array | None, deterministic: bool = True, output_tokens: OutputTokens = None
    ) -> Array:
        """Returns the hidden states [B, L, D] after the block, or [B, P, D] of P output tokens; see `Backbone`."""
        queries, keys, values = self._project(hidden, deterministic)
        attended = attention.make_attend(self.config)(queries, keys, values, mask)
        hidden, attended = select_tokens(hidden, output_tokens), select_tokens(attended, output_tokens)
        return self.merge(hidden, attended, deterministic)


class Decoder(Backbone):
    """A language model's decoder, which is also a `Backbone`.

    `language` computes the language model's logits. The token embedding, the table of positions and the output head are
    parameters only where initialisation calls `language`; a decoder that is initialised with embeddings has none of
    them.

    Attributes:
      lora: settings of the adapters; rank 0 means none. dropout: the rate, on embeddings and residual branches.
      dtype: of computations; parameters are float32.
    """

    config: DecoderConfig
    lora: LoRA = LoRA()
    dropout: float = 0.0
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        c = self.config
        self.blocks = [Block(c, self.lora, self.dropout, self.dtype) for _ in range(c.num_layers)]
        self.norm = _norm(c, self.dtype)
        self.embedding_dropout = Dropout(self.dropout)
        table = partial(nn.Embed, embedding_init=nn.initializers.normal(0.02), dtype=self.dtype)
        self.token_embedding = table(c.vocab_size, c.width)
        if c.rotary is None:
            self.position_embedding = table(c.max_positions, c.width)
        if not c.tied:
            self.head = Dense(c.vocab_size, nn.initializers.normal(0.02), self.dtype, use_bias=False)

    def attention(self) -> Callable[..., Array]:
        return attention.make_attend(self.config)

    def key_sizes(self) -> dict[str, int]:
        c = self.config
        return {"num_layers": c.num_layers, "num_heads": c.num_kv_heads, "head_size": c.head_size}

    def empty_start_caches(self, num_rows: int, num_starts: int, block_size: int) -> StartCaches:
        """Returns caches without tokens; raises JaxrecError for rotary positions and sliding windows (see
        `models.start_caches`)."""
        if self.config.rotary or self.config.window:
            raise JaxrecError("rotary positions and sliding windows need search = 'batched', not 'incremental'")
        return super().empty_start_caches(num_rows, num_starts, block_size)

    def embed(self, ids: Array) -> Array:
        """Returns the embeddings [B, L, D] of token ids int32 [B, L], with GPT-2's positions 0, 1, ... added where the
        model has a table of them."""
        embedded = self.token_embedding(ids)
        if self.config.rotary is None:
            embedded = embedded + self.position_embedding(jnp.arange(ids.shape[1]))[None]
        return embedded

    def encode(self, ids: Array, deterministic: bool = True) -> Array:
        """Returns the hidden states [B, L, D] after token ids int32 [B, L], which `logits` maps to logits."""
        return self(self.embed(ids), None, deterministic)

    def logits(self, hidden: Array) -> Array:
        """Returns the next-token logits [..., V] of hidden states [..., D]."""
        return self.token_embedding.attend(hidden) if self.config.tied else self.head(hidden)

    def language(self, ids: Array, deterministic: bool = True) -> Array:
        """Returns the next-token logits [B, L, V] after token ids int32 [B, L]."""
        return self.logits(self.encode(ids, deterministic))

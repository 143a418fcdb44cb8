"""One decoder for the GPT-2 and Llama families, with the methods of `models.transformer.Transformer`.

As a language model it reads token ids and gives logits. As a backbone it reads embeddings of any kind: GPT-2's position
table is then not added (who brings embeddings brings their positions), while rotary models number the embeddings as
they stand in the sequence, because rotation is part of their attention and they were never trained without.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models import caches, start_caches
from jaxrec.models.dense import Dense
from jaxrec.models.dropout import Dropout
from jaxrec.models.language import attention
from jaxrec.models.language.config import DecoderConfig
from jaxrec.models.lora import Adapters, LoRA
from jaxrec.types import JaxrecError

Array = jax.Array

_ACTIVATIONS = {
    "gelu_tanh": partial(nn.gelu, approximate=True),
    "gelu": partial(nn.gelu, approximate=False),
    "relu": nn.relu,
    "silu": nn.silu,
}


def _norm(config: DecoderConfig, dtype: jnp.dtype) -> nn.Module:
    make = nn.LayerNorm if config.family == "gpt2" else nn.RMSNorm
    return make(epsilon=config.norm_epsilon, dtype=dtype)


class Block(nn.Module):
    """One pre-norm block, cut where attention happens (see `transformer.Block`)."""

    config: DecoderConfig
    lora: LoRA = LoRA()
    dropout: float = 0.0
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        c = self.config
        small = nn.initializers.normal(0.02)
        residual = nn.initializers.normal(0.02 / (2 * c.num_layers) ** 0.5)
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
        """Queries, keys and values [..., L, heads, head_size] of the normed stream."""
        normed = self.attention_norm(hidden)
        projected = [self.query(normed), self.key(normed), self.value(normed)]
        if self.lora.rank:
            added = self.lora_qkv(normed, deterministic)
            projected = [base + extra for base, extra in zip(projected, added, strict=True)]
        return [p.reshape(*p.shape[:-1], -1, self.config.head_size) for p in projected]

    def queries(self, hidden: Array) -> Array:
        """[..., L, D] -> [..., L, H, head_size]."""
        return self._project(hidden)[0]

    def context(self, hidden: Array) -> tuple[Array, Array]:
        """Keys (not yet rotated) and values, each [..., L, G, head_size]."""
        _, keys, values = self._project(hidden)
        return keys, values

    def merge(self, hidden: Array, attended: Array, deterministic: bool = True) -> Array:
        """Residual stream [..., L, D] plus what was attended to [..., L, H, head_size] and the feed-forward part."""
        attended = self.output(attended.reshape(*hidden.shape[:-1], -1))
        hidden = hidden + self.residual_dropout(attended, deterministic)
        normed, activation = self.mlp_norm(hidden), _ACTIVATIONS[self.config.activation]
        inner = self.expand(normed)
        inner = activation(self.gate(normed)) * inner if self.config.family == "llama" else activation(inner)
        return hidden + self.residual_dropout(self.contract(inner), deterministic)

    def __call__(self, hidden: Array, mask: Array | None, deterministic: bool = True) -> Array:
        queries, keys, values = self._project(hidden, deterministic)
        attended = attention.make(self.config)(queries, keys, values, mask)
        return self.merge(hidden, attended, deterministic)


class Decoder(nn.Module):
    """`decoder(embeddings [B, L, D], attention_mask [B|1, L, L] | None) -> hidden [B, L, D]`, normed at the end.

    Masks and dropout as in `Transformer`. `language` is the language model itself; embedding table, positions and head
    are parameters only where `language` (or `embed`) was called at initialisation.
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

    def __call__(self, embeddings: Array, attention_mask: Array | None = None, deterministic: bool = True) -> Array:
        hidden = self.embedding_dropout(embeddings.astype(self.dtype), deterministic)
        for block in self.blocks:
            hidden = block(hidden, attention_mask, deterministic)
        return self.norm(hidden)

    def embed(self, ids: Array) -> Array:
        """Token ids int32 [B, L] to [B, L, D], with GPT-2's positions 0, 1, ... where the model has a table."""
        embedded = self.token_embedding(ids)
        if self.config.rotary is None:
            embedded = embedded + self.position_embedding(jnp.arange(ids.shape[1]))[None]
        return embedded

    def encode(self, ids: Array, deterministic: bool = True) -> Array:
        """What `logits` reads, [B, L, D], from token ids int32 [B, L]."""
        return self(self.embed(ids), None, deterministic)

    def logits(self, hidden: Array) -> Array:
        """[..., D] -> [..., V]."""
        return self.token_embedding.attend(hidden) if self.config.tied else self.head(hidden)

    def language(self, ids: Array, deterministic: bool = True) -> Array:
        """Next-token logits [B, L, V] of token ids int32 [B, L]."""
        return self.logits(self.encode(ids, deterministic))

    def suffixes(
        self, embeddings: Array, valid: Array, *, lengths: tuple[int, ...], num_last: int = 1
    ) -> tuple[Array, caches.Suffixes]:
        """Encodes many suffixes of each row at once, each as if alone; see `caches.encode_suffixes`."""
        module, variables = self.unbind()
        attend = attention.make(self.config)

        def encode(embeddings: Array, valid: Array) -> tuple[Array, caches.Suffixes]:
            bound = module.bind(variables)
            return caches.encode_suffixes(
                bound.blocks, attend, bound.norm, embeddings, valid, lengths=lengths, num_last=num_last
            )

        return caches.in_row_chunks(encode, (embeddings.astype(self.dtype), valid), sum(lengths))

    def extend(self, cache: caches.Cache, embeddings: Array) -> tuple[Array, caches.Cache]:
        """Appends tokens [B, L, D] to cached rows: hidden [B, L, D] and the longer cache."""
        attend = attention.make(self.config)
        return caches.extend(self.blocks, attend, self.norm, cache, embeddings.astype(self.dtype))

    # One cache per start, for the incremental search. Without rotary positions only: those caches are rings over time,
    # in which a place does not say how far a token is.

    def start_caches(self, num_rows: int, num_starts: int, block_size: int) -> start_caches.StartCaches:
        """Empty caches for `grow`."""
        c = self.config
        if c.rotary or c.window:
            raise JaxrecError("rotary positions and sliding windows need search = 'batched', not 'incremental'")
        sizes = {"num_layers": c.num_layers, "num_heads": c.num_kv_heads, "head_size": c.head_size}
        return start_caches.empty(num_rows, num_starts, block_size, **sizes, dtype=self.dtype)

    def grow(
        self, caches: start_caches.StartCaches, embeddings: Array, mask: Array, clock: Array, *, read: Array
    ) -> tuple[Array, start_caches.Unfinished, start_caches.StartCaches]:
        """Appends a block of tokens to every start's cache; see `start_caches.grow`."""
        return start_caches.grow(self.blocks, self.norm, caches, embeddings.astype(self.dtype), mask, clock, read=read)

    def finish(self, unfinished: start_caches.Unfinished, start: Array) -> Array:
        """The output [B, D] of the token before the newest, from one start; see `start_caches.finish`."""
        return start_caches.finish(self.blocks, self.norm, unfinished, start)

    def follow(self, caches: start_caches.StartCaches, embedding: Array, mask: Array, start: Array) -> Array:
        """The output [B, D] of one more token after one start's cache; see `start_caches.follow`."""
        return start_caches.follow(self.blocks, self.norm, caches, embedding.astype(self.dtype), mask, start)

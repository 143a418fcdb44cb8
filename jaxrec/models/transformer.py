"""The causal transformer behind every trajectory model: GPT-2's pre-norm blocks without a position table.

Positions are the caller's business (a timestep embedding, added before), so that a pre-trained language model can stand
behind the same call. Other decoders offer the same methods: `__call__`, `suffixes` and `extend`, and, for the
incremental search, `start_caches`, `grow`, `finish` and `follow`.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models import caches, start_caches
from jaxrec.models.dense import Dense
from jaxrec.models.dropout import Dropout

Array = jax.Array


class Block(nn.Module):
    """One pre-norm block, cut where attention happens so that callers may choose who attends to whom.

    `queries` and `context` are per token, `merge` adds the attended values and the feed-forward part. Kernels start
    from a normal of sqrt(2 / (5 D)) (Nguyen and Salazar, 2019), which is GPT-2's 0.02 at its width of 768 and does not
    silence attention at ours; those that write into the residual stream smaller by `sqrt(2 * num_layers)` (GPT-2).
    """

    width: int
    num_heads: int
    num_layers: int = 1
    dropout: float = 0.0
    dtype: jnp.dtype = jnp.float32

    def setup(self):
        deviation = (0.4 / self.width) ** 0.5
        small = nn.initializers.normal(deviation)
        residual = nn.initializers.normal(deviation / (2 * self.num_layers) ** 0.5)
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

    def __call__(self, hidden: Array, mask: Array | None, deterministic: bool = True) -> Array:
        keys, values = self.context(hidden)
        return self.merge(hidden, attend(self.queries(hidden), keys, values, mask), deterministic)


def attend(queries: Array, keys: Array, values: Array, mask: Array | None) -> Array:
    """Softmax attention [B, Lq, H, D/H]; `mask` bool [B|1, Lq, Lk] says who sees whom, None means causal."""
    if mask is None:
        return jax.nn.dot_product_attention(queries, keys, values, is_causal=True)
    return jax.nn.dot_product_attention(queries, keys, values, mask=mask[:, None])


class Transformer(nn.Module):
    """`backbone(embeddings [B, L, D], attention_mask [B|1, L, L] | None) -> hidden [B, L, D]`, normed at the end.

    A mask says exactly who sees whom (causality included) and None means causal. A token that sees nobody gets a
    finite, meaningless output. Dropout falls on the embeddings and on what blocks add to the residual stream;
    attention weights are not dropped, because the fused kernels cannot.
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

    def __call__(self, embeddings: Array, attention_mask: Array | None = None, deterministic: bool = True) -> Array:
        hidden = self.embedding_dropout(embeddings.astype(self.dtype), deterministic)
        for block in self.blocks:
            hidden = block(hidden, attention_mask, deterministic)
        return self.norm(hidden)

    def suffixes(
        self, embeddings: Array, valid: Array, *, lengths: tuple[int, ...], num_last: int = 1
    ) -> tuple[Array, caches.Suffixes]:
        """Encodes many suffixes of each row at once; see `caches.encode_suffixes`. Hidden is [B, K, num_last, D]."""
        module, variables = self.unbind()

        def encode(embeddings: Array, valid: Array) -> tuple[Array, caches.Suffixes]:
            bound = module.bind(variables)
            return caches.encode_suffixes(
                bound.blocks, attend, bound.norm, embeddings, valid, lengths=lengths, num_last=num_last
            )

        return caches.in_row_chunks(encode, (embeddings.astype(self.dtype), valid), sum(lengths))

    def extend(self, cache: caches.Cache, embeddings: Array) -> tuple[Array, caches.Cache]:
        """Appends tokens [B, L, D] to cached rows: hidden [B, L, D] and the longer cache."""
        return caches.extend(self.blocks, attend, self.norm, cache, embeddings.astype(self.dtype))

    def start_caches(self, num_rows: int, num_starts: int, block_size: int) -> start_caches.StartCaches:
        """Empty caches for `grow`."""
        return start_caches.empty(
            num_rows,
            num_starts,
            block_size,
            num_layers=self.num_layers,
            num_heads=self.num_heads,
            head_size=self.width // self.num_heads,
            dtype=self.dtype,
        )

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

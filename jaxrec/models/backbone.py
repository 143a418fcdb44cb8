"""What every causal decoder offers beside its parameters: the plain pass, many suffixes at once, and cached tokens."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models import caches, start_caches
from jaxrec.models.history import at_positions

Array = jax.Array
Read = jax.Array | tuple[slice, ...] | None  # tokens: positions int32 [B, P], slices one after the other, or all


class Backbone(nn.Module):
    """`backbone(embeddings [B, L, D], attention_mask [B|1, L, L] | None) -> hidden [B, L, D]`, normed at the end.

    With `read` only the outputs of those tokens, [B, P, D]: the last block then leaves out what the others would cost.
    A mask says exactly who sees whom (causality included) and None means causal. A token that sees nobody gets a
    finite, meaningless output. Dropout falls on the embeddings and on what blocks add to the residual stream;
    attention weights are not dropped, because the fused kernels cannot.

    A decoder has `blocks`, `norm`, `embedding_dropout` and `dtype`, and says how it attends and how large its keys are.
    """

    def attention(self) -> Callable[..., Array]:
        """`attend(queries, keys, values, mask)`; see `transformer.attend`."""
        raise NotImplementedError

    def key_sizes(self) -> dict[str, int]:
        """`num_layers`, `num_heads` (of keys) and `head_size`."""
        raise NotImplementedError

    def __call__(
        self,
        embeddings: Array,
        attention_mask: Array | None = None,
        deterministic: bool = True,
        read: Read = None,
    ) -> Array:
        hidden = self.embedding_dropout(embeddings.astype(self.dtype), deterministic)
        *lower, last = self.blocks
        for block in lower:
            hidden = block(hidden, attention_mask, deterministic)
        return self.norm(last(hidden, attention_mask, deterministic, read))

    def suffixes(
        self, embeddings: Array, valid: Array, *, lengths: tuple[int, ...], num_last: int = 1
    ) -> tuple[Array, caches.Suffixes]:
        """Encodes many suffixes of each row at once, each as if alone; see `caches.encode_suffixes`. Hidden is
        [B, K, num_last, D]."""
        module, variables = self.unbind()

        def encode(embeddings: Array, valid: Array) -> tuple[Array, caches.Suffixes]:
            bound = module.bind(variables)
            return caches.encode_suffixes(
                bound.blocks, bound.attention(), bound.norm, embeddings, valid, lengths=lengths, num_last=num_last
            )

        return caches.in_row_chunks(encode, (embeddings.astype(self.dtype), valid), sum(lengths))

    def extend(self, cache: caches.Cache, embeddings: Array) -> tuple[Array, caches.Cache]:
        """Appends tokens [B, L, D] to cached rows: hidden [B, L, D] and the longer cache."""
        return caches.extend(self.blocks, self.attention(), self.norm, cache, embeddings.astype(self.dtype))

    def start_caches(self, num_rows: int, num_starts: int, block_size: int) -> start_caches.StartCaches:
        """Empty caches for `grow`, one per start."""
        return start_caches.empty(num_rows, num_starts, block_size, **self.key_sizes(), dtype=self.dtype)

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


def tokens_read(values: Array, read: Read) -> Array:
    """Returns those tokens of values [B, L, ...] that `read` names, [B, P, ...]."""
    if read is None:
        return values
    if isinstance(read, tuple):
        return jnp.concatenate([values[:, chosen] for chosen in read], axis=1)
    return at_positions(values, read)


def kernel_deviation(width: int) -> float:
    """Of a block's first kernels: sqrt(2 / (5 D)) (Nguyen and Salazar, 2019), which is GPT-2's 0.02 at its width of 768
    and does not silence attention at ours."""
    return (0.4 / width) ** 0.5


def residual_deviation(width: int, num_layers: int) -> float:
    """Of kernels that write into the residual stream: smaller by sqrt(2 * num_layers) (GPT-2)."""
    return kernel_deviation(width) / (2 * num_layers) ** 0.5

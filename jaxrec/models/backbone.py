"""What every causal decoder computes beside a plain forward pass: many suffixes at once, and tokens after a cache."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models import caches, start_caches
from jaxrec.models.caches import Cache, SuffixCaches
from jaxrec.models.history import at_positions
from jaxrec.models.start_caches import StartCaches, UnfinishedOutputs

Array = jax.Array
# Which tokens: those at the positions int32 [B, P]; slices of the positions, one after the other; or all, for None.
OutputTokens = jax.Array | tuple[slice, ...] | None


class Backbone(nn.Module):
    """A causal decoder over embeddings, whose output is normed.

    A subclass has the attributes `blocks`, `norm`, `embedding_dropout` and `dtype`, and defines `attention` and
    `key_sizes`. Dropout falls on the embeddings and on what blocks add to the residual stream. It does not fall on
    attention weights, because the fused attention kernels have no dropout.
    """

    def attention(self) -> Callable[..., Array]:
        """Returns `attend(queries, keys, values, mask)`; see `transformer.attend`."""
        raise NotImplementedError

    def key_sizes(self) -> dict[str, int]:
        """Returns `num_layers`, `num_heads` (of keys and values) and `head_size`, by which caches are sized."""
        raise NotImplementedError

    def __call__(
        self,
        embeddings: Array,
        attention_mask: Array | None = None,
        deterministic: bool = True,
        output_tokens: OutputTokens = None,
    ) -> Array:
        """Returns the outputs [B, L, D], or [B, P, D] of P output tokens.

        Args:
          embeddings: [B, L, D].
          attention_mask: bool [B or 1, L, L], which tokens (last axis) each token sees, causality included; None is
            the causal mask. The output of a token that sees no token is finite and meaningless.
          deterministic: whether dropout is off.
          output_tokens: whose outputs are returned; the last block computes nothing for the others but keys and values.
        """
        hidden = self.embedding_dropout(embeddings.astype(self.dtype), deterministic)
        *lower, last = self.blocks
        for block in lower:
            hidden = block(hidden, attention_mask, deterministic)
        return self.norm(last(hidden, attention_mask, deterministic, output_tokens))

    def encode_suffixes(
        self, embeddings: Array, valid: Array, *, lengths: tuple[int, ...], num_last: int = 1
    ) -> tuple[Array, SuffixCaches]:
        """Encodes K suffixes of each row, each as if it were alone; see `caches.encode_suffixes`.

        Returns:
          (outputs [B, K, num_last, D] of the last tokens, keys and values of all suffixes).
        """
        module, variables = self.unbind()

        def encode(embeddings: Array, valid: Array) -> tuple[Array, SuffixCaches]:
            bound = module.bind(variables)
            return caches.encode_suffixes(
                bound.blocks, bound.attention(), bound.norm, embeddings, valid, lengths=lengths, num_last=num_last
            )

        return caches.in_row_chunks(encode, (embeddings.astype(self.dtype), valid), sum(lengths))

    def extend(self, cache: Cache, embeddings: Array) -> tuple[Array, Cache]:
        """Returns the outputs [B, L, D] of tokens [B, L, D] appended to cached rows, and the longer cache."""
        return caches.extend(self.blocks, self.attention(), self.norm, cache, embeddings.astype(self.dtype))

    def empty_start_caches(self, num_rows: int, num_starts: int, block_size: int) -> StartCaches:
        """Returns caches without tokens, one per start, for `append_block`; see `start_caches.empty`."""
        return start_caches.empty(num_rows, num_starts, block_size, **self.key_sizes(), dtype=self.dtype)

    def append_block(
        self, caches: StartCaches, embeddings: Array, mask: Array, clock: Array, *, starts: Array
    ) -> tuple[Array, UnfinishedOutputs, StartCaches]:
        """Appends a block of tokens to the cache of every start; see `start_caches.append_block`."""
        embeddings = embeddings.astype(self.dtype)
        return start_caches.append_block(self.blocks, self.norm, caches, embeddings, mask, clock, starts=starts)

    def previous_output(self, unfinished: UnfinishedOutputs, start: Array) -> Array:
        """Returns the output [B, D] of the token before the newest; see `start_caches.previous_output`."""
        return start_caches.previous_output(self.blocks, self.norm, unfinished, start)

    def next_output(self, caches: StartCaches, embedding: Array, mask: Array, start: Array) -> Array:
        """Returns the output [B, D] of one more token after a start's cache; see `start_caches.next_output`."""
        embedding = embedding.astype(self.dtype)
        return start_caches.next_output(self.blocks, self.norm, caches, embedding, mask, start)


def select_tokens(values: Array, output_tokens: OutputTokens) -> Array:
    """Returns the values [B, P, ...] of the output tokens, from those of all tokens [B, L, ...]."""
    if output_tokens is None:
        return values
    if isinstance(output_tokens, tuple):
        return jnp.concatenate([values[:, positions] for positions in output_tokens], axis=1)
    return at_positions(values, output_tokens)


def kernel_deviation(width: int) -> float:
    """Returns the standard deviation of a block's initial kernels, sqrt(2 / (5 D)) (Nguyen and Salazar, 2019).

    It is GPT-2's 0.02 at GPT-2's width of 768. At our smaller widths 0.02 would make the scores of attention so small
    that all tokens get nearly equal weights.
    """
    return (0.4 / width) ** 0.5


def residual_deviation(width: int, num_layers: int) -> float:
    """Returns the standard deviation of the initial kernels whose outputs are added to the residual stream, smaller by
    the factor sqrt(2 * num_layers) (GPT-2)."""
    return kernel_deviation(width) / (2 * num_layers) ** 0.5

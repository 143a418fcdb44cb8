"""Blocks of a stream of token ids: drawn anywhere to learn from, or cut one after the other to be measured on."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Text


def check_ids(text: Text, vocabulary: int) -> None:
    """Checks that every token id has a row in a table of `vocabulary` rows; a gather beyond a table gives NaN.

    Raises:
      JaxrecError: an id below 0, or of `vocabulary` or more.
    """
    for part, stream in (("training", text.train), ("validation", text.validation)):
        ids = np.asarray(stream)
        outside = ids[(ids < 0) | (ids >= vocabulary)]
        if outside.size:
            raise JaxrecError(
                f"the {part} text has the token id {int(outside[0])} ({outside.size:,} of {ids.size:,} ids lie outside "
                f"0 to {vocabulary - 1}); set the vocabulary to the largest id + 1, or take the ids' own tokenizer"
            )


def random_blocks(*, batch_size: int, length: int) -> Callable[[Text, Array], Array]:
    """Makes a view for `sources.logged` of B blocks of the training stream, each beginning anywhere.

    Args:
      length: L, the tokens of a block that a model reads; one more follows, which is a target only.

    Returns:
      `view(data, key) -> int32` [B, L + 1]. A stream shorter than that is repeated.
    """

    def view(data: Text, key: Array) -> Array:
        size = data.train.shape[0]
        start = jax.random.randint(key, (batch_size, 1), 0, max(size - length, 1))
        return data.train[(start + jnp.arange(length + 1)[None]) % size]

    return view


def count_blocks(stream: Array, length: int) -> int:
    """How many blocks of `length` targets a stream [K] is cut into; its first token is no target."""
    return -(-max(stream.shape[0] - 1, 1) // length)


def blocks_at(stream: Array, index: Array, length: int) -> tuple[Array, Array]:
    """Gathers some of the blocks that a stream is cut into, one every `length` tokens.

    A block has one token more than `length`: its last target, which is also the first token that the next block reads.
    So each token of the stream but the first is the target of exactly one block.

    Args:
      stream: int32 [K]. index: int32 [R], which blocks.

    Returns:
      (int32 [R, length + 1], the tokens; bool [R, length], which tokens after the first are inside the stream).
    """
    position = index[:, None] * length + jnp.arange(length + 1)[None]
    last = stream.shape[0] - 1
    return stream[jnp.minimum(position, last)], position[:, 1:] <= last

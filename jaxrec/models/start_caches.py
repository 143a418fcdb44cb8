"""One key/value cache per start: the encodings of a growing sequence from each of its last S starts, kept between
calls.

A token's keys and values depend on where its sequence starts, so every start has a cache of its own. When the sequence
grows by a block of n tokens, the block is appended to every cache and no earlier token is encoded anew.

Starts and blocks are both rings over time: the newest start takes the index of the oldest one, which has fallen out of
the window, and the newest block is written over the oldest one, at the same positions of every cache. So nothing is
moved. The first layer's keys and values are projections of the embeddings, equal for all starts, and are stored once.

The functions work on any list of blocks with `queries`, `context` and `merge` (see `transformer.Block`). A position of
the ring does not say how far back its token lies, so decoders with rotary positions or a sliding window cannot use
these caches.

Arguments shared by the functions:
  blocks: the layers of a decoder. norm: of its output. num_starts: S. block_size: n.
  clock: int32 scalar, the number of blocks appended before. start: int32 [B], one start of each row, as its index in
  the ring.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import struct

Array = jax.Array
_ROW = 16  # L is a multiple of it: rows that fill whole vector registers double the speed of the scores on a CPU


@struct.dataclass
class StartCaches:
    """The keys and values of a growing sequence from each of its last S starts (see the module).

    Attributes:
      keys: one array for each layer, [B, H, D/H, L] for the first one and [B, S, H, D/H, L] for the others.
      values: one array for each layer, [B, H, L, D/H] for the first one and [B, S, H, L, D/H] for the others.

    The L positions are S blocks of n tokens, one position for the token of `next_output`, and unused ones that make L a
    multiple of 16.
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]


@struct.dataclass
class UnfinishedOutputs:
    """What the last layer still needs to output the token before the newest, from every start.

    `previous_output` finishes the work for one start of each row, because the last layer's `merge` is expensive and no
    other start's output is wanted.

    Attributes:
      hidden: [B, S, D]. attended: [B, S, H, D/H].
    """

    hidden: Array
    attended: Array


def empty(
    num_rows: int, num_starts: int, block_size: int, *, num_layers: int, num_heads: int, head_size: int, dtype=None
) -> StartCaches:
    """Returns caches of zeros for `num_rows` rows; `num_heads` counts the heads of keys and values."""
    size = -(-(num_starts * block_size + 1) // _ROW) * _ROW
    leading = [(num_rows,)] + [(num_rows, num_starts)] * (num_layers - 1)
    return StartCaches(
        tuple(jnp.zeros((*lead, num_heads, head_size, size), dtype) for lead in leading),
        tuple(jnp.zeros((*lead, num_heads, size, head_size), dtype) for lead in leading),
    )


def visible_positions(clock: Array, length: Array, caches: StartCaches, num_starts: int, block_size: int) -> Array:
    """Returns the mask bool [B, S, n, L]: whether each of the n tokens of the block that is appended at `clock` sees
    each position, in the sequence of each start.

    A sequence starts with the last token of its first block.

    Args:
      length: int32 [B], how many blocks a row has, the newest included. Where S is more than that, the starts before
        the row's first block see what that first block's start sees.
    """
    axes = (1, num_starts, block_size, caches.keys[0].shape[-1])
    start, token, position = (jax.lax.broadcasted_iota(jnp.int32, axes, axis) for axis in (1, 2, 3))
    block, token_in_block = position // block_size, position % block_size
    block_age, start_age = (clock - block) % num_starts, (clock - start) % num_starts
    first_age = jnp.minimum(start_age, length[:, None, None, None] - 1)
    is_last_token = token_in_block == block_size - 1
    after_start = (block_age < first_age) | ((block_age == first_age) & is_last_token)
    not_later = (block_age > 0) | (token_in_block <= token)
    return after_start & not_later & (block < num_starts)


def append_block(
    blocks: Sequence,
    norm: Callable[[Array], Array],
    caches: StartCaches,
    embeddings: Array,
    mask: Array,
    clock: Array,
    *,
    starts: Array,
) -> tuple[Array, UnfinishedOutputs, StartCaches]:
    """Appends a block of n tokens to the cache of every start.

    Args:
      embeddings: [B, n, D]. mask: bool [B, S, n, L], from `visible_positions`.
      starts: int32 [K], the starts from which the newest token's output is returned, as indices in the ring.

    Returns:
      (normed outputs [B, K, D] of the newest token; `UnfinishedOutputs` of the token before it, for
      `previous_output`; the longer caches).
    """
    position = clock % mask.shape[1] * embeddings.shape[1]
    hidden, keys, values = embeddings, [], []
    for layer, block in enumerate(blocks):
        key, value = block.context(hidden)
        keys.append(_write_keys(caches.keys[layer], key, position))
        values.append(_write_values(caches.values[layer], value, position))
        hidden = hidden[..., -2:, :] if layer == len(blocks) - 1 else hidden
        attended = _attend(block.queries(hidden), keys[-1], values[-1], mask[..., -hidden.shape[-2] :, :])
        if layer == 0:
            hidden = jnp.broadcast_to(hidden[:, None], (*attended.shape[:3], hidden.shape[-1]))
        if layer < len(blocks) - 1:
            hidden = block.merge(hidden, attended)
    newest = norm(blocks[-1].merge(hidden[:, starts, 1], attended[:, starts, 1]))
    return newest, UnfinishedOutputs(hidden[:, :, 0], attended[:, :, 0]), StartCaches(tuple(keys), tuple(values))


def previous_output(
    blocks: Sequence, norm: Callable[[Array], Array], unfinished: UnfinishedOutputs, start: Array
) -> Array:
    """Returns the normed output [B, D] of the token before the newest, from one start of each row."""
    rows = jnp.arange(len(start))
    return norm(blocks[-1].merge(unfinished.hidden[rows, start], unfinished.attended[rows, start]))


def next_output(
    blocks: Sequence,
    norm: Callable[[Array], Array],
    caches: StartCaches,
    embedding: Array,
    mask: Array,
    start: Array,
) -> Array:
    """Returns the normed output [B, D] of one more token after the cache of one start of each row; the caches stay as
    they are.

    Args:
      embedding: [B, D]. mask: bool [B, S, n, L], that of `append_block`; the token sees what the newest token saw, and
        itself.
    """
    rows, hidden = jnp.arange(len(start)), embedding[:, None]
    scratch = mask.shape[1] * mask.shape[2]
    sees = mask[rows, start, -1:].at[..., scratch].set(True)[:, None]
    for layer, block in enumerate(blocks):
        key, value = block.context(hidden)
        keys, values = caches.keys[layer], caches.values[layer]
        if layer > 0:
            keys, values = keys[rows, start], values[rows, start]
        keys, values = _write_keys(keys, key, scratch), _write_values(values, value, scratch)
        attended = _attend(block.queries(hidden), keys, values, sees)
        hidden = block.merge(hidden, attended[:, 0])
    return norm(hidden)[:, 0]


def _write_keys(keys: Array, new: Array, position: Array) -> Array:
    """Writes new keys [..., n, H, D/H] into [..., H, D/H, L], from a position on."""
    new = jnp.moveaxis(new, -3, -1).astype(keys.dtype)
    return jax.lax.dynamic_update_slice_in_dim(keys, new, position, keys.ndim - 1)


def _write_values(values: Array, new: Array, position: Array) -> Array:
    """Writes new values [..., n, H, D/H] into [..., H, L, D/H], from a position on."""
    new = jnp.moveaxis(new, -3, -2).astype(values.dtype)
    return jax.lax.dynamic_update_slice_in_dim(values, new, position, values.ndim - 2)


def _attend(queries: Array, keys: Array, values: Array, mask: Array) -> Array:
    """Returns the softmax attention [B, S, q, H, D/H] of q tokens from each of S starts.

    Args:
      queries: [B, q, H, D/H] in the first layer, where they are the same from every start; [B, S, q, H, D/H] in others.
      keys: [B, H', D/H, L] or [B, S, H', D/H, L], where H' divides H (grouped queries).
      values: [B, H', L, D/H] or [B, S, H', L, D/H]. mask: bool [B, S, q, L].
    """
    rows, starts, size, num_positions = mask.shape
    if shared := keys.ndim == 4:
        mask = mask[:, None, None]  # [B, 1, 1, S, q, L]
    else:
        queries, keys, values = (x.reshape(-1, *x.shape[2:]) for x in (queries, keys, values))
        mask = mask.reshape(-1, 1, 1, 1, size, num_positions)
    heads, head_size = keys.shape[1:3]
    grouped = queries.reshape(queries.shape[0], size, heads, -1, head_size).transpose(0, 2, 3, 1, 4)
    scores = grouped.reshape(queries.shape[0], heads, -1, head_size) @ keys * head_size**-0.5
    scores = scores.reshape(*grouped.shape[:3], 1, size, num_positions)
    weights = jax.nn.softmax(jnp.where(mask, scores, -1e30))
    attended = weights.reshape(queries.shape[0], heads, -1, num_positions) @ values
    # The barrier keeps the transposition out of the product, where it would cost ten times as much on a CPU.
    attended = jax.lax.optimization_barrier(attended)
    attended = attended.reshape(queries.shape[0], heads, -1, starts if shared else 1, size, head_size)
    return attended.transpose(0, 3, 4, 1, 2, 5).reshape(rows, starts, size, -1, head_size)

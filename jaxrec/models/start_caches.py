"""One cache per start: what a growing sequence looks like from each of its last S beginnings, kept between calls.

A token's keys and values depend on where its sequence starts, so every start has a cache of its own; when the sequence
grows, each is extended by the new tokens and nothing is encoded anew. Sequences grow by blocks of n tokens. Both starts
and blocks are rings over time: a start takes the place of the one that falls out of the window, nothing is shifted, and
every cache writes a block at the same place. The first layer's keys and values are those of the embeddings, the same
from every start, and are kept once. So they could be under rotary positions, which enter attention by differences only;
but blocks that leave the rotation to their attention function do not fit yet.

Works on any list of blocks with `queries`, `context` and `merge` (see `transformer.Block`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import struct

Array = jax.Array
_ROW = 16  # numbers: rows of whole vector registers double the speed of the scores on a CPU


@struct.dataclass
class StartCaches:
    """Keys [B, H, D/H, L] and values [B, H, L, D/H] of the first layer, [B, S, H, ...] of the others.

    L holds S blocks of n tokens, one scratch place, and what fills the row.
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]


@struct.dataclass
class Unfinished:
    """The token before the newest, from every start, short of the last `merge`: that is dear, and one start will do.

    `hidden` [B, S, D], `attended` [B, S, H, D/H].
    """

    hidden: Array
    attended: Array


def empty(
    num_rows: int, num_starts: int, block_size: int, *, num_layers: int, num_heads: int, head_size: int, dtype=None
) -> StartCaches:
    """Zeros; `num_heads` counts the heads of keys and values."""
    size = -(-(num_starts * block_size + 1) // _ROW) * _ROW
    leading = [(num_rows,)] + [(num_rows, num_starts)] * (num_layers - 1)
    return StartCaches(
        tuple(jnp.zeros((*lead, num_heads, head_size, size), dtype) for lead in leading),
        tuple(jnp.zeros((*lead, num_heads, size, head_size), dtype) for lead in leading),
    )


def visible(clock: Array, length: Array, caches: StartCaches, num_starts: int, block_size: int) -> Array:
    """bool [B, S, n, L]: which places the n tokens written at time `clock` see from each start.

    A sequence starts with the last token of its first block. `length` int32 [B] is how many blocks of a row are real,
    the newest included: a start before them sees what the oldest of them does.
    """
    axes = (1, num_starts, block_size, caches.keys[0].shape[-1])
    start, token, place = (jax.lax.broadcasted_iota(jnp.int32, axes, axis) for axis in (1, 2, 3))
    block, kind = place // block_size, place % block_size
    block_age, start_age = (clock - block) % num_starts, (clock - start) % num_starts
    reach = jnp.minimum(start_age, length[:, None, None, None] - 1)
    begun = (block_age < reach) | ((block_age == reach) & (kind == block_size - 1))
    written = (block_age > 0) | (kind <= token)
    return begun & written & (block < num_starts)


def grow(
    blocks: Sequence,
    norm: Callable[[Array], Array],
    caches: StartCaches,
    embeddings: Array,
    mask: Array,
    clock: Array,
    *,
    read: Array,
) -> tuple[Array, Unfinished, StartCaches]:
    """Appends n tokens [B, n, D] at time `clock` to every cache.

    Args:
      mask: bool [B, S, n, L], from `visible`.
      read: int32 [K], the starts whose newest output is asked for.

    Returns:
      Normed hidden [B, K, D] of the newest token, what `finish` makes that of the token before from, and the grown
      caches.
    """
    place = clock % mask.shape[1] * embeddings.shape[1]
    hidden, keys, values = embeddings, [], []
    for layer, block in enumerate(blocks):
        key, value = block.context(hidden)
        keys.append(_write_keys(caches.keys[layer], key, place))
        values.append(_write_values(caches.values[layer], value, place))
        hidden = hidden[..., -2:, :] if layer == len(blocks) - 1 else hidden
        attended = _attend(block.queries(hidden), keys[-1], values[-1], mask[..., -hidden.shape[-2] :, :])
        if layer == 0:
            hidden = jnp.broadcast_to(hidden[:, None], (*attended.shape[:3], hidden.shape[-1]))
        if layer < len(blocks) - 1:
            hidden = block.merge(hidden, attended)
    newest = norm(blocks[-1].merge(hidden[:, read, 1], attended[:, read, 1]))
    return newest, Unfinished(hidden[:, :, 0], attended[:, :, 0]), StartCaches(tuple(keys), tuple(values))


def finish(blocks: Sequence, norm: Callable[[Array], Array], unfinished: Unfinished, start: Array) -> Array:
    """Normed hidden [B, D] of the token before the newest, from the start `start` int32 [B] of each row."""
    rows = jnp.arange(len(start))
    return norm(blocks[-1].merge(unfinished.hidden[rows, start], unfinished.attended[rows, start]))


def follow(
    blocks: Sequence,
    norm: Callable[[Array], Array],
    caches: StartCaches,
    embedding: Array,
    mask: Array,
    start: Array,
) -> Array:
    """Normed hidden [B, D] of one more token [B, D] after the cache of start `start` int32 [B]; nothing is kept.

    `mask` is the one `grow` was given; the token sees what the newest one saw, and itself.
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


def _write_keys(keys: Array, new: Array, place: Array) -> Array:
    """Sets [..., n, H, D/H] from `place` on of [..., H, D/H, L]."""
    new = jnp.moveaxis(new, -3, -1).astype(keys.dtype)
    return jax.lax.dynamic_update_slice_in_dim(keys, new, place, keys.ndim - 1)


def _write_values(values: Array, new: Array, place: Array) -> Array:
    """Sets [..., n, H, D/H] from `place` on of [..., H, L, D/H]."""
    new = jnp.moveaxis(new, -3, -2).astype(values.dtype)
    return jax.lax.dynamic_update_slice_in_dim(values, new, place, values.ndim - 2)


def _attend(queries: Array, keys: Array, values: Array, mask: Array) -> Array:
    """Softmax attention of q tokens from each of S starts, [B, S, q, H, D/H].

    Queries, keys and values are [B, q, H, D/H], [B, H', D/H, L], [B, H', L, D/H] where they are the same from every
    start, and [B, S, ...] otherwise; H' divides H (grouped queries). `mask` is bool [B, S, q, L].
    """
    rows, starts, size, places = mask.shape
    if shared := keys.ndim == 4:
        mask = mask[:, None, None]  # [B, 1, 1, S, q, L]
    else:
        queries, keys, values = (x.reshape(-1, *x.shape[2:]) for x in (queries, keys, values))
        mask = mask.reshape(-1, 1, 1, 1, size, places)
    heads, head_size = keys.shape[1:3]
    grouped = queries.reshape(queries.shape[0], size, heads, -1, head_size).transpose(0, 2, 3, 1, 4)
    scores = grouped.reshape(queries.shape[0], heads, -1, head_size) @ keys * head_size**-0.5
    scores = scores.reshape(*grouped.shape[:3], 1, size, places)
    weights = jax.nn.softmax(jnp.where(mask, scores, -1e30))
    attended = weights.reshape(queries.shape[0], heads, -1, places) @ values
    # The barrier keeps the transposition out of the product, where it would cost ten times as much on a CPU.
    attended = jax.lax.optimization_barrier(attended)
    attended = attended.reshape(queries.shape[0], heads, -1, starts if shared else 1, size, head_size)
    return attended.transpose(0, 3, 4, 1, 2, 5).reshape(rows, starts, size, -1, head_size)

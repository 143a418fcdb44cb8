"""Keys and values kept between calls, and many suffixes of one sequence encoded together.

Works on any list of blocks with `queries`, `context` and `merge` (see `transformer.Block`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.chunks import map_chunks

Array = jax.Array
_CHUNK = 2048  # tokens


@struct.dataclass
class Cache:
    """One sequence per row: keys, values [layers][B, L, H, D/H] and `valid` bool [B, L]."""

    keys: tuple[Array, ...]
    values: tuple[Array, ...]
    valid: Array


@struct.dataclass
class Suffixes:
    """Keys and values of all suffixes: the first layer's once [B, L, ...], the others' packed [B, P, ...]."""

    keys: tuple[Array, ...]
    values: tuple[Array, ...]
    valid: Array
    lengths: tuple[int, ...] = struct.field(pytree_node=False)

    def choose(self, index: Array) -> Cache:
        """The cache of suffix `index` int32 [B] of each row, aligned at the end as the sequence was.

        Places before the suffix begins are not valid and hold whatever lies there.
        """
        size = self.valid.shape[1]
        lengths = jnp.asarray(self.lengths)
        place = jnp.arange(size)[None] - (size - lengths[index])[:, None]
        packed = jnp.maximum(jnp.asarray(_offsets(self.lengths))[index][:, None] + place, 0)
        rows = jnp.arange(len(index))[:, None]
        keys = self.keys[:1] + tuple(k[rows, packed] for k in self.keys[1:])
        values = self.values[:1] + tuple(v[rows, packed] for v in self.values[1:])
        return Cache(keys, values, self.valid & (place >= 0))


def _offsets(lengths: Sequence[int]) -> list[int]:
    return [sum(lengths[:k]) for k in range(len(lengths))]


def encode_suffixes(
    blocks: Sequence,
    attend: Callable[..., Array],
    norm: Callable[[Array], Array],
    embeddings: Array,
    valid: Array,
    *,
    lengths: tuple[int, ...],
    num_last: int = 1,
) -> tuple[Array, Suffixes]:
    """Causally encodes the last `lengths[k]` tokens of each row, for every k, as if each were alone.

    Args:
      embeddings: [B, L, D], newest token last. valid: bool [B, L], False on padding.
      num_last: how many outputs to keep from the end of each suffix.

    Returns:
      Normed hidden [B, K, num_last, D], zero where a suffix has fewer tokens; and the cache.

    What a token becomes depends on where its suffix starts, so the suffixes cost their sum of tokens, not less; but the
    first layer's projections are the same in all of them and are computed once, the last layer computes only the
    outputs that are kept, and nothing is padded to the longest.
    """
    masks = [_causal(valid[:, valid.shape[1] - n :]) for n in lengths]
    kept = [min(num_last, n) for n in lengths]
    keys, values, hidden = [], [], embeddings
    for layer, block in enumerate(blocks):
        parts = _suffix_views(lengths) if layer == 0 else _packed_views(lengths)
        key, value = block.context(hidden)
        if layer == len(blocks) - 1:
            hidden = jnp.concatenate([h[:, h.shape[1] - n :] for h, n in zip(parts(hidden), kept, strict=True)], axis=1)
            queries = _packed_views(kept)(block.queries(hidden))
        else:
            queries = parts(block.queries(hidden))
            hidden = jnp.concatenate(parts(hidden), axis=1) if layer == 0 else hidden
        sources = zip(queries, parts(key), parts(value), masks, strict=True)
        attended = [attend(q, k, v, m[:, m.shape[1] - q.shape[1] :]) for q, k, v, m in sources]
        hidden = block.merge(hidden, jnp.concatenate(attended, axis=1))
        keys.append(key)
        values.append(value)
    last = [jnp.pad(h, ((0, 0), (num_last - h.shape[1], 0), (0, 0))) for h in _packed_views(kept)(norm(hidden))]
    return jnp.stack(last, axis=1), Suffixes(tuple(keys), tuple(values), valid, lengths)


def _suffix_views(lengths: Sequence[int]) -> Callable[[Array], list[Array]]:
    return lambda x: [x[:, x.shape[1] - n :] for n in lengths]


def _packed_views(lengths: Sequence[int]) -> Callable[[Array], list[Array]]:
    return lambda x: jnp.split(x, _offsets(lengths)[1:], axis=1)


def extend(
    blocks: Sequence, attend: Callable[..., Array], norm: Callable[[Array], Array], cache: Cache, embeddings: Array
) -> tuple[Array, Cache]:
    """Appends tokens [B, L, D] that see every valid cached token and each other causally.

    Returns normed hidden [B, L, D] and the longer cache.
    """
    hidden, new = embeddings, jnp.ones(embeddings.shape[:2], bool)
    valid = jnp.concatenate([cache.valid, new], axis=1)
    mask = _causal(valid)[:, -embeddings.shape[1] :]
    keys, values = [], []
    for block, old_key, old_value in zip(blocks, cache.keys, cache.values, strict=True):
        key, value = block.context(hidden)
        keys.append(jnp.concatenate([old_key, key], axis=1))
        values.append(jnp.concatenate([old_value, value], axis=1))
        hidden = block.merge(hidden, attend(block.queries(hidden), keys[-1], values[-1], mask))
    return norm(hidden), Cache(tuple(keys), tuple(values), valid)


def _causal(valid: Array) -> Array:
    """bool [B, L, L]: a token sees the valid tokens up to itself."""
    return valid[:, None, :] & jnp.tri(valid.shape[1], dtype=bool)[None]


def rows_at_once(num_tokens: int) -> int:
    """How many rows of so many tokens a CPU should encode at once: without bound on other devices.

    The inner values of a few thousand tokens stay in the cache; those of a hundred users' suffixes go through memory
    and cost half as much again. Other devices want all the work at once.
    """
    return max(_CHUNK // num_tokens, 1) if jax.default_backend() == "cpu" else sys.maxsize


def in_row_chunks(encode: Callable[..., tuple], rows: tuple[Array, ...], num_tokens: int) -> tuple:
    """Computes `encode(*rows)` over the leading axis of `rows`, `rows_at_once(num_tokens)` of them at a time.

    Args:
      encode: takes arrays [r, ...] and returns a tuple of arrays [r, ...].
      rows: arrays [R, ...], each row of `num_tokens` tokens.
    """
    return map_chunks(encode, rows, rows_at_once(num_tokens))

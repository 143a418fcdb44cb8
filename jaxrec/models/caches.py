"""Keys and values kept between calls, and many suffixes of one sequence encoded together.

The functions work on any list of blocks with `queries`, `context` and `merge` (see `transformer.Block`). Arguments
shared by them:
  blocks: the layers of a decoder. attend: its attention, see `transformer.attend`. norm: of its output.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.chunks import map_chunks

Array = jax.Array
_CHUNK = 2048  # tokens, see `rows_at_once`


@struct.dataclass
class Cache:
    """The keys and values of one sequence per row.

    Attributes:
      keys, values: of each layer, [B, L, H, D/H]. valid: bool [B, L], False on padding.
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]
    valid: Array


@struct.dataclass
class SuffixCaches:
    """The keys and values of K suffixes of each row.

    Attributes:
      keys, values: one array for each layer. In the first layer [B, L, H, D/H], shared by all suffixes; in the others
        [B, P, H, D/H], the K suffixes one after the other, P being the sum of their lengths.
      valid: bool [B, L], False on padding. lengths: of the suffixes, in tokens.
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]
    valid: Array
    lengths: tuple[int, ...] = struct.field(pytree_node=False)

    def choose(self, index: Array) -> Cache:
        """Returns the cache [B, L, ...] of one suffix of each row, the one that `index` int32 [B] names, padded on the
        left.

        Positions before the suffix are not valid, and their keys and values are arbitrary.
        """
        size = self.valid.shape[1]
        lengths = jnp.asarray(self.lengths)
        position = jnp.arange(size)[None] - (size - lengths[index])[:, None]  # within the suffix
        packed = jnp.maximum(jnp.asarray(_offsets(self.lengths))[index][:, None] + position, 0)
        rows = jnp.arange(len(index))[:, None]
        keys = self.keys[:1] + tuple(k[rows, packed] for k in self.keys[1:])
        values = self.values[:1] + tuple(v[rows, packed] for v in self.values[1:])
        return Cache(keys, values, self.valid & (position >= 0))


def _offsets(lengths: Sequence[int]) -> list[int]:
    """Returns the position at which each suffix begins where suffixes stand one after the other."""
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
) -> tuple[Array, SuffixCaches]:
    """Encodes, for every k, the last `lengths[k]` tokens of each row causally, as if they were a row of their own.

    The output of a token depends on where its suffix starts, so the work is that of all tokens of all suffixes. Three
    things are saved: the first layer's projections are the same in all suffixes and are computed once; the last layer
    computes only the outputs that are returned; and no suffix is padded to the length of the longest.

    Args:
      embeddings: [B, L, D], newest token last. valid: bool [B, L], False on padding.
      lengths: of the K suffixes, in tokens. num_last: how many outputs are returned from the end of each suffix.

    Returns:
      (normed outputs [B, K, num_last, D], zero where a suffix has fewer tokens; the keys and values of all suffixes).
    """
    masks = [_causal(valid[:, valid.shape[1] - n :]) for n in lengths]
    num_outputs = [min(num_last, n) for n in lengths]
    keys, values, hidden = [], [], embeddings
    for layer, block in enumerate(blocks):
        split = _take_suffixes(lengths) if layer == 0 else _split_packed(lengths)
        key, value = block.context(hidden)
        if layer == len(blocks) - 1:
            hidden = jnp.concatenate(
                [h[:, h.shape[1] - n :] for h, n in zip(split(hidden), num_outputs, strict=True)], axis=1
            )
            queries = _split_packed(num_outputs)(block.queries(hidden))
        else:
            queries = split(block.queries(hidden))
            hidden = jnp.concatenate(split(hidden), axis=1) if layer == 0 else hidden
        sources = zip(queries, split(key), split(value), masks, strict=True)
        attended = [attend(q, k, v, m[:, m.shape[1] - q.shape[1] :]) for q, k, v, m in sources]
        hidden = block.merge(hidden, jnp.concatenate(attended, axis=1))
        keys.append(key)
        values.append(value)
    last = [jnp.pad(h, ((0, 0), (num_last - h.shape[1], 0), (0, 0))) for h in _split_packed(num_outputs)(norm(hidden))]
    return jnp.stack(last, axis=1), SuffixCaches(tuple(keys), tuple(values), valid, lengths)


def _take_suffixes(lengths: Sequence[int]) -> Callable[[Array], list[Array]]:
    """Returns a function from a row [B, L, ...] to its suffixes."""
    return lambda x: [x[:, x.shape[1] - n :] for n in lengths]


def _split_packed(lengths: Sequence[int]) -> Callable[[Array], list[Array]]:
    """Returns a function from suffixes one after the other [B, P, ...] to the list of them."""
    return lambda x: jnp.split(x, _offsets(lengths)[1:], axis=1)


def extend(
    blocks: Sequence, attend: Callable[..., Array], norm: Callable[[Array], Array], cache: Cache, embeddings: Array
) -> tuple[Array, Cache]:
    """Appends tokens [B, L, D], each of which sees every valid cached token and the appended ones up to itself.

    Returns:
      (normed outputs [B, L, D], the longer cache).
    """
    hidden, appended = embeddings, jnp.ones(embeddings.shape[:2], bool)
    valid = jnp.concatenate([cache.valid, appended], axis=1)
    mask = _causal(valid)[:, -embeddings.shape[1] :]
    keys, values = [], []
    for block, cached_key, cached_value in zip(blocks, cache.keys, cache.values, strict=True):
        key, value = block.context(hidden)
        keys.append(jnp.concatenate([cached_key, key], axis=1))
        values.append(jnp.concatenate([cached_value, value], axis=1))
        hidden = block.merge(hidden, attend(block.queries(hidden), keys[-1], values[-1], mask))
    return norm(hidden), Cache(tuple(keys), tuple(values), valid)


def _causal(valid: Array) -> Array:
    """Returns the mask bool [B, L, L] under which a token sees the valid tokens up to itself."""
    return valid[:, None, :] & jnp.tri(valid.shape[1], dtype=bool)[None]


def rows_at_once(num_tokens: int) -> int:
    """Returns how many rows of `num_tokens` tokens each should be encoded at once: about 2,048 tokens on a CPU, and all
    rows on other devices.

    The intermediate values of 2,048 tokens fit into a CPU's cache. Those of the suffixes of a hundred users do not, and
    encoding them all at once takes half as long again.
    """
    return max(_CHUNK // num_tokens, 1) if jax.default_backend() == "cpu" else sys.maxsize


def in_row_chunks(encode: Callable[..., tuple], rows: tuple[Array, ...], num_tokens: int) -> tuple:
    """Returns `encode(*rows)`, computed for `rows_at_once(num_tokens)` rows at a time.

    Args:
      encode: arrays [r, ...] -> tuple of arrays [r, ...].
      rows: arrays [R, ...]. num_tokens: that each row is encoded as.
    """
    return map_chunks(encode, rows, rows_at_once(num_tokens))

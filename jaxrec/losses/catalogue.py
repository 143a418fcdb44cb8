"""Cross-entropy over a whole catalogue that never holds more than a few rows of its logits.

A batch of 512 sequences of length 10 over 352,602 items has 7 GB of logits; here they exist a chunk of rows at a time,
and each chunk's gradient is computed while its logits are at hand. The items of a large catalogue are taken in blocks,
each with a highest logit and a sum of its own (Milakov and Gimelshein, 2018), so that a block's work stays in cache.
"""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.chunks import chunk_rows, join_chunks, map_chunks

Array = jax.Array
_CHUNK_LOGITS = 4 << 20  # float32 numbers; see `rows_per_chunk`
_BLOCK_ITEMS = 4096  # see `items_per_block`
_BLOCK = 64  # items; see `best`


def cross_entropy(hidden: Array, table: Array, bias: Array | None, label: Array, weight: Array) -> Array:
    """The weighted mean of -log softmax(hidden @ table.T + bias)[label], a scalar; exact, in chunks of rows (T 4.14,
    4.16, 5.16, 5.18, 5.20; L Eq. 8).

    Args:
      hidden: float [R, D], one row per prediction. table: float [A, D], one row per item. bias: float [A] or None.
      label: int32 [R]. weight: float32 [R], 0 for padding; the sum is divided by theirs (0 where they are all 0).

    Differentiable in reverse mode with respect to hidden, table and bias; the weights count as constants. The gradient
    is computed beside the value, in one pass, so that no logit is computed twice: three products of matrices in all,
    as many as the dense loss needs.
    """
    chex.assert_rank([hidden, table, label, weight], [2, 2, 1, 1])
    chex.assert_type([label, weight], [int, float])
    bias = jnp.zeros(table.shape[:1], table.dtype) if bias is None else bias
    total = jnp.maximum(weight.sum(), jnp.finfo(weight.dtype).tiny)
    hidden = jnp.where(weight[:, None] > 0, hidden, 0)  # or what lies in the padding would meet the gradient's zeros
    return _weighted_sum(hidden, table, bias, label, jax.lax.stop_gradient(weight / total))


def rows_per_chunk(num_items: int) -> int:
    """How many rows of logits are held at once: 16 MB of them, and as many at least as keep a product efficient."""
    return max(_CHUNK_LOGITS // num_items, 128)


def items_per_block(num_items: int) -> int:
    """How many items a row's logits are computed for at once: all of some thousands, else what a CPU's cache holds."""
    if num_items <= 4 * _BLOCK_ITEMS or jax.default_backend() != "cpu":
        return num_items
    blocks = -(-num_items // _BLOCK_ITEMS)
    return -(-num_items // blocks)


@jax.custom_vjp
def _weighted_sum(hidden: Array, table: Array, bias: Array, label: Array, weight: Array) -> Array:
    blocks = _blocks(table, bias)

    def add(total: Array, rows: tuple[Array, ...]) -> tuple[Array, None]:
        return total + _softmax(*blocks, *rows)[0], None

    chunks = chunk_rows((hidden, label, weight), rows_per_chunk(len(table)))
    return jax.lax.scan(add, jnp.zeros((), jnp.float32), chunks)[0]


def _softmax(table: Array, bias: Array, hidden: Array, label: Array, weight: Array) -> tuple[Array, Array, Array]:
    """The weighted sum of a chunk's losses, and its softmax by blocks of items.

    Returns:
      (a scalar; exponential [N, r, A/N], of the logits less their highest of the block; scale [N, r], by which a
      block's exponentials are weighted probabilities).
    """

    def of_block(picked: Array, block: tuple[Array, ...]):
        table, bias, first = block
        logits = jnp.matmul(hidden, table.T, preferred_element_type=jnp.float32) + bias[None].astype(jnp.float32)
        place = label - first
        here = jnp.take_along_axis(logits, jnp.clip(place, 0, len(table) - 1)[:, None], axis=1)[:, 0]
        picked = jnp.where((place >= 0) & (place < len(table)), here, picked)
        highest = logits.max(-1)
        exponential = jnp.exp(logits - highest[:, None])
        return picked, (exponential, highest, exponential.sum(-1))

    start = jnp.zeros(label.shape, jnp.float32)
    picked, (exponential, highest, total) = jax.lax.scan(of_block, start, (table, bias, _first(table)))
    peak = highest.max(0)
    share = jnp.exp(highest - peak[None])
    normaliser = jnp.sum(share * total, 0)
    loss = jnp.log(normaliser) + peak - picked
    return jnp.sum(loss * weight), exponential, share * (weight / normaliser)[None]


def _blocks(table: Array, bias: Array) -> tuple[Array, Array]:
    """[N, A/N, D] and [N, A/N]; the last block is filled up with items of bias -inf."""
    items = items_per_block(table.shape[0])
    missing = -table.shape[0] % items
    table = jnp.pad(table, ((0, missing), (0, 0))).reshape(-1, items, table.shape[1])
    return table, jnp.pad(bias, (0, missing), constant_values=-jnp.inf).reshape(-1, items)


def _first(table: Array) -> Array:
    """int32 [N], the first item of each block [A/N, D]."""
    return table.shape[1] * jnp.arange(table.shape[0], dtype=jnp.int32)


def _forward(hidden: Array, table: Array, bias: Array, label: Array, weight: Array):
    blocks = _blocks(table, bias)

    def add(carry: tuple[Array, Array, Array], rows: tuple[Array, ...]):
        total, *gradients = carry
        hidden, label, weight = rows
        loss, exponential, scale = _softmax(*blocks, *rows)

        def of_block(hidden_gradient: Array, block: tuple[Array, ...]):
            table, exponential, scale, first, table_gradient, bias_gradient = block
            is_label = jax.lax.broadcasted_iota(jnp.int32, exponential.shape, 1) == (label - first)[:, None]
            gradient = scale[:, None] * exponential - weight[:, None] * is_label  # with respect to the logits
            narrow = gradient.astype(hidden.dtype)
            hidden_gradient += jnp.matmul(narrow, table, preferred_element_type=jnp.float32)
            table_gradient += jnp.matmul(hidden.T, narrow, preferred_element_type=jnp.float32)
            return hidden_gradient, (table_gradient, bias_gradient + gradient.sum(0))

        start = jnp.zeros(hidden.shape, jnp.float32)
        each = (blocks[0], exponential, scale, _first(blocks[0]), *gradients)
        hidden_gradient, gradients = jax.lax.scan(of_block, start, each)
        return (total + loss, *gradients), hidden_gradient

    start = (
        jnp.zeros((), jnp.float32),
        jnp.zeros(blocks[0].mT.shape, jnp.float32),  # transposed: the product of two matrices as they lie
        jnp.zeros(blocks[1].shape, jnp.float32),
    )
    chunks = chunk_rows((hidden, label, weight), rows_per_chunk(len(table)))
    (total, table_gradient, bias_gradient), hidden_gradient = jax.lax.scan(add, start, chunks)
    gradients = (
        join_chunks(hidden_gradient, len(hidden)),
        table_gradient.mT.reshape(-1, table.shape[1])[: table.shape[0]],
        bias_gradient.reshape(-1)[: bias.shape[0]],
    )
    return total, tuple(g.astype(x.dtype) for g, x in zip(gradients, (hidden, table, bias), strict=True))


def _backward(gradients: tuple[Array, Array, Array], cotangent: Array):
    return *(cotangent.astype(g.dtype) * g for g in gradients), None, None


_weighted_sum.defvjp(_forward, _backward)


def sampled_cross_entropy(
    hidden: Array,
    table: Array,
    bias: Array | None,
    label: Array,
    weight: Array,
    negatives: Array,
    log_expected: Array,
) -> Array:
    """The same over the label and K sampled items, each logit less the log of how often it is expected in the sample.

    Args:
      negatives: int32 [K], drawn with replacement and shared by all rows; those that hit a row's label do not count.
      log_expected: float32 [A], log(K q_i) for items drawn with probability q_i (Bengio and Senecal, 2008; Jean et
        al., 2015: with the correction the gradient is that of the whole softmax as K grows).

    Returns:
      A scalar, the weighted mean as above; a [R, K] array is held.
    """
    chex.assert_rank([hidden, table, label, weight, negatives, log_expected], [2, 2, 1, 1, 1, 1])
    bias = jnp.zeros(table.shape[:1], table.dtype) if bias is None else bias
    offset = bias - log_expected
    picked = jnp.sum(hidden * table[label], -1) + bias[label]
    others = hidden @ table[negatives].T + offset[negatives][None]
    others = jnp.where(negatives[None] == label[:, None], -jnp.inf, others)
    loss = jax.nn.logsumexp(jnp.concatenate([picked[:, None], others], 1), axis=1) - picked
    total = jnp.maximum(weight.sum(), jnp.finfo(weight.dtype).tiny)
    return jnp.sum(jnp.where(weight > 0, loss * weight, 0.0)) / total


def best(hidden: Array, table: Array, bias: Array) -> Array:
    """The item with the highest hidden @ table.T + bias, int32 [R], the first of equals; held a chunk of rows at once.

    Args:
      hidden: float [R, D]. table: float [A, D]. bias: float [A]. No gradient passes.

    The maximum of each block of items is found first, and its place in the best block alone: on a CPU that takes half
    the time of an argmax over all items, whose comparisons of pairs are not vectorised.
    """
    chex.assert_rank([hidden, table, bias], [2, 2, 1])
    hidden, table, bias = jax.lax.stop_gradient((hidden, table, bias))
    most = rows_per_chunk(len(table))
    blocks = -(-table.shape[0] // _BLOCK)
    missing = blocks * _BLOCK - table.shape[0]
    table = jnp.pad(table, ((0, missing), (0, 0)))
    bias = jnp.pad(bias, (0, missing), constant_values=-jnp.inf)

    def of_rows(hidden: Array) -> Array:
        values = (hidden @ table.T + bias[None]).reshape(-1, blocks, _BLOCK)
        block = jnp.argmax(values.max(2), axis=1)
        inside = jnp.take_along_axis(values, block[:, None, None], axis=1)[:, 0]
        return block * _BLOCK + jnp.argmax(inside, axis=1)

    return map_chunks(of_rows, (hidden,), most).astype(jnp.int32)

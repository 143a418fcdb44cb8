"""Cross-entropy over a whole catalogue, which holds the logits of a few rows at a time.

A batch of 512 sequences of length 10 over 352,602 items has 7 GB of logits. Here logits are computed for one chunk of
rows after the other, and each chunk's gradient together with its loss. The items of a large catalogue are taken in
blocks, each with a highest logit and a sum of exponentials of its own (Milakov and Gimelshein, 2018), so that the
logits of a block fit into a CPU's cache.
"""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxrec.base.chunks import chunk_rows, join_chunks, map_chunks

Array = jax.Array
_CHUNK_LOGITS = 4 << 20  # float32 numbers; see `rows_per_chunk`
_BLOCK_ITEMS = 4096  # see `items_per_block`
_BLOCK = 64  # items; see `best_item`


def cross_entropy(hidden: Array, table: Array, bias: Array | None, label: Array, weight: Array) -> Array:
    """Returns the weighted mean of -log softmax(hidden @ table.T + bias)[label], a scalar (T 4.14, 4.16, 5.16, 5.18,
    5.20; L Eq. 8).

    The value is exact. It is differentiable in reverse mode with respect to hidden, table and bias; weights are
    constants. The gradient is computed in the same pass as the value, so that no logit is computed twice: three matrix
    products in all, as many as a loss that holds all logits needs.

    Args:
      hidden: float [R, D], one row per prediction. table: float [A, D], one row per item. bias: float [A] or None.
      label: int32 [R], items. weight: float32 [R], 0 for padding; the sum of the weighted losses is divided by the sum
        of the weights, and is 0 where all weights are 0.
    """
    chex.assert_rank([hidden, table, label, weight], [2, 2, 1, 1])
    chex.assert_type([label, weight], [int, float])
    bias = jnp.zeros(table.shape[:1], table.dtype) if bias is None else bias
    total = jnp.maximum(weight.sum(), jnp.finfo(weight.dtype).tiny)
    hidden = jnp.where(weight[:, None] > 0, hidden, 0)  # a NaN or an infinity in the padding times 0 would be NaN
    return _weighted_sum(hidden, table, bias, label, jax.lax.stop_gradient(weight / total))


def rows_per_chunk(num_items: int) -> int:
    """Returns how many rows of logits are held at once: 16 MB of them, and 128 rows at least, with fewer of which a
    matrix product is slow."""
    return max(_CHUNK_LOGITS // num_items, 128)


def items_per_block(num_items: int) -> int:
    """Returns the number of items in a block: on a CPU about 4,096, whose logits fit into its cache; all items of a
    catalogue up to four times as large, and on other devices."""
    if num_items <= 4 * _BLOCK_ITEMS or jax.default_backend() != "cpu":
        return num_items
    blocks = -(-num_items // _BLOCK_ITEMS)
    return -(-num_items // blocks)


@jax.custom_vjp
def _weighted_sum(hidden: Array, table: Array, bias: Array, label: Array, weight: Array) -> Array:
    """Returns the sum over the rows of weight * cross-entropy, a scalar."""
    blocks = _item_blocks(table, bias)

    def add(total: Array, rows: tuple[Array, ...]) -> tuple[Array, None]:
        return total + _chunk_softmax(*blocks, *rows)[0], None

    chunks = chunk_rows((hidden, label, weight), rows_per_chunk(len(table)))
    return jax.lax.scan(add, jnp.zeros((), jnp.float32), chunks)[0]


def _chunk_softmax(table: Array, bias: Array, hidden: Array, label: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Computes the losses of a chunk of r rows and their softmax over N blocks of items.

    Args:
      table: [N, A/N, D]. bias: [N, A/N]. hidden: [r, D]. label: int32 [r]. weight: [r].

    Returns:
      (the sum of weight * loss, a scalar; the exponentials [N, r, A/N] of the logits less the block's highest one; the
      scales [N, r], which multiplied by the exponentials are weight * probability).
    """

    def softmax_of_block(label_logit: Array, block: tuple[Array, ...]):
        table, bias, first_item = block
        logits = jnp.matmul(hidden, table.T, preferred_element_type=jnp.float32) + bias[None].astype(jnp.float32)
        index = label - first_item
        at_index = jnp.take_along_axis(logits, jnp.clip(index, 0, len(table) - 1)[:, None], axis=1)[:, 0]
        label_logit = jnp.where((index >= 0) & (index < len(table)), at_index, label_logit)
        highest = logits.max(-1)
        exponential = jnp.exp(logits - highest[:, None])
        return label_logit, (exponential, highest, exponential.sum(-1))

    start = jnp.zeros(label.shape, jnp.float32)
    blocks = (table, bias, _first_items(table))
    label_logit, (exponential, highest, block_total) = jax.lax.scan(softmax_of_block, start, blocks)
    highest_of_all = highest.max(0)
    block_scale = jnp.exp(highest - highest_of_all[None])
    normaliser = jnp.sum(block_scale * block_total, 0)
    loss = jnp.log(normaliser) + highest_of_all - label_logit
    return jnp.sum(loss * weight), exponential, block_scale * (weight / normaliser)[None]


def _item_blocks(table: Array, bias: Array) -> tuple[Array, Array]:
    """Returns table and bias as blocks, [N, A/N, D] and [N, A/N]; the last one is filled up with items of bias -inf."""
    items = items_per_block(table.shape[0])
    missing = -table.shape[0] % items
    table = jnp.pad(table, ((0, missing), (0, 0))).reshape(-1, items, table.shape[1])
    return table, jnp.pad(bias, (0, missing), constant_values=-jnp.inf).reshape(-1, items)


def _first_items(table: Array) -> Array:
    """Returns int32 [N], the first item of each block of the table [N, A/N, D]."""
    return table.shape[1] * jnp.arange(table.shape[0], dtype=jnp.int32)


def _forward(hidden: Array, table: Array, bias: Array, label: Array, weight: Array):
    """Returns `_weighted_sum` and its gradients with respect to hidden, table and bias."""
    blocks = _item_blocks(table, bias)

    def add(carry: tuple[Array, Array, Array], rows: tuple[Array, ...]):
        total, *gradients = carry
        hidden, label, weight = rows
        loss, exponential, scale = _chunk_softmax(*blocks, *rows)

        def gradient_of_block(hidden_gradient: Array, block: tuple[Array, ...]):
            table, exponential, scale, first_item, table_gradient, bias_gradient = block
            is_label = jax.lax.broadcasted_iota(jnp.int32, exponential.shape, 1) == (label - first_item)[:, None]
            gradient = scale[:, None] * exponential - weight[:, None] * is_label  # with respect to the logits
            in_dtype = gradient.astype(hidden.dtype)
            hidden_gradient += jnp.matmul(in_dtype, table, preferred_element_type=jnp.float32)
            table_gradient += jnp.matmul(hidden.T, in_dtype, preferred_element_type=jnp.float32)
            return hidden_gradient, (table_gradient, bias_gradient + gradient.sum(0))

        start = jnp.zeros(hidden.shape, jnp.float32)
        inputs = (blocks[0], exponential, scale, _first_items(blocks[0]), *gradients)
        hidden_gradient, gradients = jax.lax.scan(gradient_of_block, start, inputs)
        return (total + loss, *gradients), hidden_gradient

    start = (
        jnp.zeros((), jnp.float32),
        jnp.zeros(blocks[0].mT.shape, jnp.float32),  # transposed, so that no product transposes
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
    """Returns the weighted mean cross-entropy over the label and K sampled items, a scalar.

    The logit of a sampled item is lowered by the log of how often the item is expected in the sample. With this
    correction the gradient becomes that of the whole softmax as K grows (Bengio and Senecal, 2008; Jean et al., 2015).
    An array [R, K] of logits is held.

    Args:
      hidden, table, bias, label, weight: as for `cross_entropy`.
      negatives: int32 [K], the sampled items, drawn with replacement and shared by all rows; in the row whose label it
        is, a sampled item is left out.
      log_expected: float32 [A], log(K q_i) for items drawn with probability q_i.
    """
    chex.assert_rank([hidden, table, label, weight, negatives, log_expected], [2, 2, 1, 1, 1, 1])
    bias = jnp.zeros(table.shape[:1], table.dtype) if bias is None else bias
    offset = bias - log_expected
    label_logit = jnp.sum(hidden * table[label], -1) + bias[label]
    sampled_logits = hidden @ table[negatives].T + offset[negatives][None]
    sampled_logits = jnp.where(negatives[None] == label[:, None], -jnp.inf, sampled_logits)
    loss = jax.nn.logsumexp(jnp.concatenate([label_logit[:, None], sampled_logits], 1), axis=1) - label_logit
    total = jnp.maximum(weight.sum(), jnp.finfo(weight.dtype).tiny)
    return jnp.sum(jnp.where(weight > 0, loss * weight, 0.0)) / total


def best_item(hidden: Array, table: Array, bias: Array) -> Array:
    """Returns the item with the highest hidden @ table.T + bias, int32 [R]; of equal ones the first.

    The values are held for a chunk of rows at a time. The maximum of each block of 64 items is computed first, then the
    argmax within the best block. On a CPU that takes half the time of an argmax over all items, which is not
    vectorised. No gradient passes.

    Args:
      hidden: float [R, D]. table: float [A, D]. bias: float [A].
    """
    chex.assert_rank([hidden, table, bias], [2, 2, 1])
    hidden, table, bias = jax.lax.stop_gradient((hidden, table, bias))
    max_rows = rows_per_chunk(len(table))
    blocks = -(-table.shape[0] // _BLOCK)
    missing = blocks * _BLOCK - table.shape[0]
    table = jnp.pad(table, ((0, missing), (0, 0)))
    bias = jnp.pad(bias, (0, missing), constant_values=-jnp.inf)

    def best_of_rows(hidden: Array) -> Array:
        values = (hidden @ table.T + bias[None]).reshape(-1, blocks, _BLOCK)
        block = jnp.argmax(values.max(2), axis=1)
        block_values = jnp.take_along_axis(values, block[:, None, None], axis=1)[:, 0]
        return block * _BLOCK + jnp.argmax(block_values, axis=1)

    return map_chunks(best_of_rows, (hidden,), max_rows).astype(jnp.int32)

"""Blocks of a stream of token ids."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Text
from jaxrec.batches import token_blocks


def test_blocks_are_runs_of_the_stream_and_reach_its_end():
    data = Text(jnp.arange(20), jnp.arange(3))
    view = jax.jit(token_blocks.random_blocks(batch_size=64, length=4))
    batch = np.asarray(view(data, jax.random.key(0)))
    assert batch.shape == (64, 5) and (np.diff(batch) == 1).all()
    assert batch.min() == 0 and batch.max() == 19


def test_ids_beyond_the_vocabulary_are_named():
    inside = np.array([0, 3, 6], np.int32)
    token_blocks.check_ids(Text(inside, inside[:0]), 7)
    for part, text in (("training", Text(inside + 2, inside)), ("validation", Text(inside, inside - 1))):
        with pytest.raises(
            JaxrecError, match=rf"the {part} text has the token id (8|-1) \(1 of 3 ids lie outside 0 to 6"
        ):
            token_blocks.check_ids(text, 7)


def test_a_short_stream_is_repeated():
    batch = np.asarray(
        token_blocks.random_blocks(batch_size=2, length=4)(Text(jnp.arange(3), jnp.arange(3)), jax.random.key(0))
    )
    assert (np.diff(batch) % 3 == 1).all()


@pytest.mark.parametrize("size", [9, 10, 13])
def test_in_all_blocks_every_token_but_the_first_is_a_target_once(size):
    stream = jnp.arange(size)
    count = token_blocks.count_blocks(stream, 4)
    ids, mask = (np.asarray(x) for x in token_blocks.blocks_at(stream, jnp.arange(count + 1), 4))
    assert mask[count].sum() == 0, "beyond the end there is nothing"
    assert ids[:, 1:][mask].tolist() == list(range(1, size))
    assert ids[:, :-1][mask].tolist() == list(range(size - 1))

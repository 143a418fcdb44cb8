"""Blocks of a stream of token ids."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.records import Text
from jaxrec.batches import token_blocks


def test_blocks_are_runs_of_the_stream_and_reach_its_end():
    data = Text(jnp.arange(20), jnp.arange(3))
    view = jax.jit(token_blocks.random_blocks(batch_size=64, length=4))
    batch = np.asarray(view(data, jax.random.key(0)))
    assert batch.shape == (64, 5) and (np.diff(batch) == 1).all()
    assert batch.min() == 0 and batch.max() == 19


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

"""Training sequences drawn at random."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.base.records import NextItem, Sequences
from jaxrec.batches.training_sequences import random_sequences


def test_every_sequence_is_drawn_alike_and_whole():
    item = jnp.arange(12).reshape(4, 3)
    train = Sequences(item, item * 0.5, item > 0, jnp.arange(4) + 7)
    batch = jax.jit(random_sequences(4000))(NextItem(train, (), (), jnp.ones(12)), jax.random.key(0))
    row = np.asarray(batch.user) - 7
    for drawn, whole in zip(jax.tree.leaves(batch), jax.tree.leaves(train), strict=True):
        np.testing.assert_array_equal(drawn, np.asarray(whole)[row])
    np.testing.assert_allclose(np.bincount(row) / 1000, 1, atol=0.1)

"""The dense layer against flax's own: values, both gradients, and both under vmap."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.models.dense import Dense


@pytest.mark.parametrize(("size_in", "size_out"), [(3, 5), (5, 3)])
def test_equals_flax_dense_with_its_gradients_also_vmapped(size_in, size_out):
    inputs = jax.random.normal(jax.random.key(0), (2, 4, 7, size_in))
    params = {
        "kernel": jax.random.normal(jax.random.key(1), (2, size_in, size_out)),
        "bias": jax.random.normal(jax.random.key(2), (2, size_out)),
    }

    def value_and_gradients(layer):
        loss = lambda p, x: (layer.apply({"params": p}, x) ** 3).sum()  # noqa: E731
        return jax.jit(jax.vmap(jax.value_and_grad(loss, argnums=(0, 1))))(params, inputs)

    ours, flax = value_and_gradients(Dense(size_out)), value_and_gradients(nn.Dense(size_out))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, flax)


def test_initialises_like_flax_and_computes_in_the_asked_precision():
    inputs = jnp.ones((2, 3))
    ours, flax = Dense(4).init(jax.random.key(0), inputs), nn.Dense(4).init(jax.random.key(0), inputs)
    jax.tree.map(np.testing.assert_array_equal, ours, flax)
    assert Dense(4, dtype=jnp.bfloat16).apply(ours, inputs).dtype == jnp.bfloat16

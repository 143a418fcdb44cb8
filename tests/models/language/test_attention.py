"""The attention written out for a CPU against the one that accelerators run, values and gradients."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.models.language import attention, cpu_attention

BATCH, QUERIES, KEYS, HEADS, GROUPS, SIZE = 2, 5, 7, 6, 2, 4


@pytest.mark.parametrize(("window", "causal"), [(0, True), (3, True), (0, False), (3, False)])
def test_values_and_gradients_equal_the_fused_one(window, causal):
    draw = np.random.default_rng(0)
    length = KEYS if causal else QUERIES
    q = jnp.asarray(draw.normal(size=(BATCH, length, HEADS, SIZE)), jnp.float32)
    k, v = (jnp.asarray(draw.normal(size=(BATCH, KEYS, GROUPS, SIZE)), jnp.float32) for _ in range(2))
    mask = None if causal else jnp.asarray(draw.random((BATCH, length, KEYS)) < 0.6).at[:, :, -1].set(True)
    wave = jnp.asarray(draw.normal(size=q.shape), jnp.float32)
    if mask is not None and window:  # whoever the window leaves alone would see nobody
        place = np.arange(KEYS)
        mask = mask | jnp.asarray(place[KEYS - length :, None] == place)[None]

    def total(attend, *operands):
        return (attend(*operands, mask) * wave).sum()

    found = jax.value_and_grad(lambda *a: total(partial(attention._attend, None, window), *a), (0, 1, 2))(q, k, v)
    expected = jax.value_and_grad(lambda *a: total(partial(attention._fused, window), *a), (0, 1, 2))(q, k, v)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), found, expected)


def test_who_sees_nobody_stays_finite():
    ones = jnp.ones((1, 2, 2, 4))
    found = jax.value_and_grad(lambda q: cpu_attention.attend(q, ones, ones, jnp.zeros((1, 2, 2), bool)).sum())(ones)
    assert all(np.isfinite(leaf).all() for leaf in found)

"""Cheap draws: exact integers, the right distribution, and nothing forbidden is ever drawn."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.environments import sampling


@pytest.mark.parametrize("size", [1, 2, 300, 65_536, 70_001, 2**31 - 1])
def test_uniform_index_is_the_high_half_of_the_product(size):
    bits = np.random.default_rng(0).integers(0, 2**32, 1000, dtype=np.uint32)
    bits[:2] = 0, 2**32 - 1
    expected = [(int(b) * size) >> 32 for b in bits]
    assert np.array_equal(sampling.uniform_index(jnp.asarray(bits), size), expected)


@pytest.mark.parametrize("size", [1, 5, 16, 17, 300])
def test_inverse_cdf_inverts(size):
    """Against a float64 running sum, with every edge a binary fraction that float32 holds exactly."""
    rng = np.random.default_rng(size)
    weights = rng.integers(0, 4, (50, size)).astype(np.float32)
    weights[:, rng.integers(size)] += 1
    uniform = (rng.integers(0, 64, 50) / 64).astype(np.float32)
    edges = np.cumsum(weights.astype(np.float64), -1)
    expected = (edges <= (uniform * edges[:, -1])[:, None]).sum(-1)
    assert np.array_equal(sampling.inverse_cdf(jnp.asarray(uniform), jnp.asarray(weights)), expected)


def test_categorical_draws_softmax_of_the_logits():
    logits = np.random.default_rng(0).normal(0, 1.5, 40).astype(np.float32)
    drawn = sampling.categorical(jax.random.key(3), jnp.broadcast_to(logits, (100_000, 40)))
    expected = 100_000 * np.exp(logits) / np.exp(logits).sum()
    chi_squared = ((np.bincount(drawn, minlength=40) - expected) ** 2 / expected).sum()
    assert chi_squared < 39 + 5 * np.sqrt(2 * 39)


def test_what_is_masked_is_never_drawn():
    """At uniforms from 0 to the largest below 1, with weights whose float32 sums round."""
    rng = np.random.default_rng(1)
    weights = (rng.random((400, 300)) ** 8).astype(np.float32) * (rng.random((400, 300)) < 0.1)
    weights[:, 7] = 1e-6
    uniform = np.linspace(0, 1, 400).astype(np.float32)
    uniform[-1] = np.nextafter(np.float32(1), np.float32(0))
    drawn = np.asarray(sampling.inverse_cdf(jnp.asarray(uniform), jnp.asarray(weights)))
    assert (weights[np.arange(400), drawn] > 0).all()


@pytest.mark.parametrize("ties", [False, True])
def test_greedy_is_the_first_of_the_largest(ties):
    logits = np.random.default_rng(2).normal(size=(64, 301)).astype(np.float32)
    if ties:
        logits = np.round(logits)
        logits[0] = -np.inf
    assert np.array_equal(sampling.greedy(jnp.asarray(logits)), logits.argmax(-1))

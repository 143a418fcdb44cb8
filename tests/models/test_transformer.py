"""The backbone: causality by zero gradients, masks, and caches against the plain forward pass."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.models import caches
from jaxrec.models.dropout import Dropout
from jaxrec.models.transformer import Transformer

WIDTH, TOKENS, USERS = 8, 7, 3


class Jitted:
    """A module whose calls are compiled, because op-by-op dispatch is what makes such tests slow."""

    def __init__(self, module):
        self.module = module

    def apply(self, variables, *arguments, method="__call__", rngs=None, **static):
        def call(variables, rngs, *arguments):
            return self.module.apply(variables, *arguments, method=method, rngs=rngs, **static)

        return jax.jit(call)(variables, rngs, *arguments)


@pytest.fixture(scope="module")
def backbone():
    module = Transformer(width=WIDTH, num_layers=3, num_heads=2, dropout=0.5)
    embeddings = jax.random.normal(jax.random.key(1), (USERS, TOKENS, WIDTH))
    variables = jax.jit(module.init)(jax.random.key(0), embeddings)
    # The published initialisation is small; wider weights make a leak visible.
    noise = 0.3 * jax.random.normal(jax.random.key(2), (4 * WIDTH, 4 * WIDTH))
    return Jitted(module), jax.tree.map(lambda x: x + noise.ravel()[: x.size].reshape(x.shape), variables), embeddings


def test_no_token_sees_a_later_one(backbone):
    module, variables, embeddings = backbone
    jacobian = jax.jacobian(lambda e: module.apply(variables, e[None])[0].sum(-1))(embeddings[0])
    reach = np.abs(jacobian).sum(-1)
    assert (reach[~np.tri(TOKENS, dtype=bool)] == 0).all()
    assert (reach[np.tri(TOKENS, dtype=bool)] > 0).all()


def test_a_mask_says_exactly_who_sees_whom(backbone):
    module, variables, embeddings = backbone
    mask = np.tri(TOKENS, dtype=bool)
    mask[4:, 1] = False
    jacobian = jax.jacobian(lambda e: module.apply(variables, e[None], mask[None])[0, 4:].sum())(embeddings[0])
    assert np.abs(jacobian[1]).sum() > 0, "token 1 still reaches token 4 through 2 and 3"
    alone = np.eye(TOKENS, dtype=bool)
    isolated = jax.jacobian(lambda e: module.apply(variables, e[None], alone[None])[0].sum(-1))(embeddings[0])
    assert (np.abs(isolated).sum(-1)[~alone] == 0).all()


def test_the_causal_mask_is_the_default(backbone):
    module, variables, embeddings = backbone
    masked = module.apply(variables, embeddings, np.tri(TOKENS, dtype=bool)[None])
    np.testing.assert_allclose(module.apply(variables, embeddings), masked, atol=1e-6)


@pytest.mark.parametrize("mask", [None, (np.tri(TOKENS, dtype=bool) & (np.arange(TOKENS) != 1)[None])[None]])
def test_tokens_read_alone_are_those_of_all(backbone, mask):
    module, variables, embeddings = backbone
    every = module.apply(variables, embeddings, mask)
    some = module.apply(variables, embeddings, mask, output_tokens=(slice(1, None, 3), slice(0, 2)))
    np.testing.assert_allclose(some, every[:, [1, 4, 0, 1]], atol=1e-6)
    positions = np.array([[6, 0], [2, 2], [3, 5]])
    rows = np.arange(USERS)[:, None]
    np.testing.assert_allclose(
        module.apply(variables, embeddings, mask, output_tokens=positions), every[rows, positions], atol=1e-6
    )


def test_a_token_that_sees_nobody_stays_finite(backbone):
    module, variables, embeddings = backbone
    assert np.isfinite(module.apply(variables, embeddings, np.zeros((1, TOKENS, TOKENS), bool))).all()


def alone(module, variables, embeddings, visible):
    """What the plain forward gives when only the `visible` tokens [B, L] exist."""
    return module.apply(variables, embeddings, visible[:, None] & np.tri(embeddings.shape[1], dtype=bool)[None])


@pytest.mark.parametrize("lengths", [(1, 3, 7), (2,), (7, 1)])
def test_suffixes_equal_each_suffix_alone(backbone, lengths):
    module, variables, embeddings = backbone
    valid = np.ones((USERS, TOKENS), bool)
    valid[1, :4] = False
    hidden, _ = module.apply(variables, embeddings, valid, lengths=lengths, num_last=2, method="encode_suffixes")
    for k, n in enumerate(lengths):
        expected = alone(module, variables, embeddings, valid & (np.arange(TOKENS) >= TOKENS - n))
        for row in range(USERS):
            kept = min(2, n, valid[row].sum())
            np.testing.assert_allclose(hidden[row, k, 2 - kept :], expected[row, TOKENS - kept :], atol=3e-6)
    assert all((hidden[:, k, 0] == 0).all() for k, n in enumerate(lengths) if n == 1)


def test_extending_the_chosen_suffix_equals_one_longer_forward(backbone):
    module, variables, embeddings = backbone
    extra = jax.random.normal(jax.random.key(5), (USERS, 1, WIDTH))
    lengths, chosen = (1, 4, 7), np.array([1, 2, 0])
    valid = np.ones((USERS, TOKENS), bool)
    _, suffixes = module.apply(variables, embeddings, valid, lengths=lengths, method="encode_suffixes")
    hidden, cache = module.apply(variables, suffixes.choose(jnp.asarray(chosen)), extra, method="extend")
    twice, _ = module.apply(variables, cache, extra, method="extend")
    visible = np.arange(TOKENS + 2) >= TOKENS - np.array(lengths)[chosen][:, None]
    expected = alone(module, variables, jnp.concatenate([embeddings, extra, extra], axis=1), visible)
    np.testing.assert_allclose(hidden[:, 0], expected[:, -2], atol=3e-6)
    np.testing.assert_allclose(twice[:, 0], expected[:, -1], atol=3e-6)


def test_one_layer_is_first_and_last_at_once():
    module = Transformer(width=WIDTH, num_layers=1, num_heads=1)
    embeddings = jax.random.normal(jax.random.key(1), (USERS, TOKENS, WIDTH))
    variables = jax.jit(module.init)(jax.random.key(0), embeddings)
    module = Jitted(module)
    valid = np.ones((USERS, TOKENS), bool)
    hidden, cache = module.apply(variables, embeddings, valid, lengths=(3, 7), method="encode_suffixes")
    np.testing.assert_allclose(hidden[:, 1, 0], module.apply(variables, embeddings)[:, -1], atol=1e-6)
    np.testing.assert_allclose(hidden[:, 0, 0], module.apply(variables, embeddings[:, -3:])[:, -1], atol=1e-6)
    assert isinstance(cache.choose(jnp.zeros(USERS, jnp.int32)), caches.Cache)


def test_dropout_is_unbiased_and_off_when_deterministic(backbone):
    module, variables, embeddings = backbone
    ones = jnp.ones((400, 1000))
    drop = jax.jit(lambda key: Dropout(0.1).apply({}, ones, False, rngs={"dropout": key}))
    first, second = (drop(jax.random.key(i)) for i in (0, 1))
    np.testing.assert_allclose(first.mean(), 1.0, atol=3e-3)
    zeros = np.asarray(first == 0), np.asarray(second == 0)
    np.testing.assert_allclose([z.mean() for z in zeros], 0.1, atol=2e-3)
    # Rows, columns, neighbours and two keys are independent: coinciding zeros are as rare as chance makes them.
    assert np.abs(zeros[0].mean(0) - 0.1).max() < 0.08 and np.abs(zeros[0].mean(1) - 0.1).max() < 0.05
    for other in (zeros[1], np.roll(zeros[0], 1, axis=1), np.roll(zeros[0], 1, axis=0)):
        np.testing.assert_allclose((zeros[0] & other).mean(), 0.01, atol=1e-3)
    np.testing.assert_array_equal(Dropout(0.1).apply({}, ones, True), ones)
    quiet = module.apply(variables, embeddings)
    noisy = module.apply(variables, embeddings, deterministic=False, rngs={"dropout": jax.random.key(0)})
    assert not np.allclose(quiet, noisy)

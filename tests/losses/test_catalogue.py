"""The chunked loss against the dense one, and the sampled one against both."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.losses import catalogue


def problem(rows=11, num_items=37, width=5, seed=0):
    keys = jax.random.split(jax.random.key(seed), 5)
    hidden = 2 * jax.random.normal(keys[0], (rows, width))
    table = jax.random.normal(keys[1], (num_items, width))
    bias = jax.random.normal(keys[2], (num_items,))
    label = jax.random.randint(keys[3], (rows,), 0, num_items)
    weight = jnp.where(jnp.arange(rows) % 4 == 3, 0.0, jax.random.uniform(keys[4], (rows,)) + 0.1)
    return hidden, table, bias, label, weight


def dense(hidden, table, bias, label, weight):
    log_prob = jax.nn.log_softmax(hidden @ table.T + bias[None])
    return -(log_prob[jnp.arange(len(label)), label] * weight).sum() / weight.sum()


@pytest.mark.parametrize(("rows", "items"), [(1, 37), (4, 37), (11, 37), (4, 12), (11, 36), (5, 1)])
def test_value_and_gradients_equal_the_dense_ones_however_rows_and_items_are_cut(rows, items, monkeypatch):
    monkeypatch.setattr(catalogue, "rows_per_chunk", lambda num_items: rows)
    monkeypatch.setattr(catalogue, "items_per_block", lambda num_items: items)
    arguments = problem()
    value, gradients = jax.jit(jax.value_and_grad(catalogue.cross_entropy, argnums=(0, 1, 2)))(*arguments)
    expected, expected_gradients = jax.value_and_grad(dense, argnums=(0, 1, 2))(*arguments)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(catalogue.cross_entropy(*arguments), expected, rtol=1e-5)


def test_scaled_and_vmapped_over_seeds_and_without_bias(monkeypatch):
    monkeypatch.setattr(catalogue, "rows_per_chunk", lambda num_items: 4)
    monkeypatch.setattr(catalogue, "items_per_block", lambda num_items: 10)
    hidden, table, _, label, weight = problem()
    zero = jnp.zeros(37)
    tables = jnp.stack([table, 2 * table])

    def tripled(loss, bias):
        return jax.vmap(jax.grad(lambda t: 3.0 * loss(hidden, t, bias, label, weight)))(tables)

    np.testing.assert_allclose(tripled(catalogue.cross_entropy, None), tripled(dense, zero), rtol=1e-5, atol=1e-6)


def test_padding_does_not_count_whatever_it_holds():
    hidden, table, bias, label, weight = problem()
    spoiled = jnp.where(weight[:, None] == 0, jnp.inf, hidden)
    step = jax.value_and_grad(catalogue.cross_entropy, argnums=(0, 1))
    value, (gradient, of_table) = step(hidden, table, bias, label, weight)
    spoiled_value, gradients = step(spoiled, table, bias, label, weight)
    assert spoiled_value == value and (gradients[0] == gradient).all() and (gradients[1] == of_table).all()
    assert (gradient[weight == 0] == 0).all() and (gradient[weight > 0] != 0).any()
    assert catalogue.cross_entropy(hidden, table, bias, label, jnp.zeros(11)) == 0


@pytest.mark.parametrize("num_items", [1, 16_384, 16_385, 352_602])
def test_blocks_of_items_are_even_and_none_is_of_padding_alone(num_items):
    items = catalogue.items_per_block(num_items)
    assert items == num_items if num_items <= 16_384 else items <= 4096
    assert 0 <= -num_items % items < 128


@pytest.mark.parametrize("items", [37, 5])
def test_large_logits_stay_finite(items, monkeypatch):
    monkeypatch.setattr(catalogue, "items_per_block", lambda num_items: items)
    hidden, table, bias, label, weight = problem()
    value, gradient = jax.value_and_grad(catalogue.cross_entropy)(1e4 * hidden, table, bias, label, weight)
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_no_array_of_rows_by_items_is_made():
    rows, num_items = 4096, 30_000
    shapes = [(rows, 8), (num_items, 8), (num_items,), (rows,), (rows,)]
    kinds = [jnp.float32] * 3 + [jnp.int32, jnp.float32]
    arguments = [jax.ShapeDtypeStruct(s, k) for s, k in zip(shapes, kinds, strict=True)]
    for loss, fits in ((catalogue.cross_entropy, True), (dense, False)):
        compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1))).lower(*arguments).compile()
        assert (compiled.memory_analysis().temp_size_in_bytes < rows * num_items) == fits


def test_the_sample_that_is_the_whole_catalogue_gives_the_whole_softmax():
    hidden, table, bias, label, weight = problem()
    everything = jnp.arange(37)
    value = catalogue.sampled_cross_entropy(hidden, table, bias, label, weight, everything, jnp.zeros(37))
    np.testing.assert_allclose(value, dense(hidden, table, bias, label, weight), rtol=1e-5)


def test_the_correction_makes_a_skewed_sample_agree_with_the_whole_softmax():
    hidden, table, bias, label, weight = problem(num_items=12)
    probability = jnp.arange(1, 13) / 78
    negatives = jax.random.choice(jax.random.key(1), 12, (40_000,), p=probability)
    log_expected = jnp.log(40_000 * probability)
    expected = dense(hidden, table, bias, label, weight)
    corrected = catalogue.sampled_cross_entropy(hidden, table, bias, label, weight, negatives, log_expected)
    plain = catalogue.sampled_cross_entropy(
        hidden, table, bias, label, weight, negatives, jnp.full(12, jnp.log(40_000 / 12))
    )
    assert abs(corrected - expected) < 0.02 < abs(plain - expected)


@pytest.mark.parametrize(("rows", "num_items"), [(1, 37), (4, 64), (11, 130)])
def test_the_best_item_is_the_dense_argmax_and_the_first_of_equals(rows, num_items, monkeypatch):
    monkeypatch.setattr(catalogue, "rows_per_chunk", lambda count: rows)
    hidden, table, bias, _, _ = problem(num_items=num_items)
    found = jax.jit(catalogue.best_item)(hidden, table, bias)
    assert found.dtype == jnp.int32
    np.testing.assert_array_equal(found, jnp.argmax(hidden @ table.T + bias[None], 1))
    same = jnp.full(num_items, -3.0).at[jnp.array([num_items // 2, num_items - 1])].set(-2.0)
    np.testing.assert_array_equal(catalogue.best_item(hidden, jnp.zeros_like(table), same), np.full(11, num_items // 2))

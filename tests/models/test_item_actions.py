"""Vectors to items, against numpy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.environments import sampling
from jaxrec.models import item_actions


def test_scores_are_those_of_unit_item_vectors():
    draw = np.random.default_rng(0)
    action, items = draw.normal(size=(5, 4)), draw.normal(size=(9, 4)) * np.arange(9)[:, None]
    units = items / np.maximum(np.linalg.norm(items, axis=1, keepdims=True), 1e-12)
    found = np.asarray(item_actions.scores(jnp.asarray(action, jnp.float32), jnp.asarray(items, jnp.float32)))
    np.testing.assert_allclose(found, action @ units.T, atol=1e-5)
    assert (found[:, 0] == 0).all()  # the zero vector has no direction


def test_items_are_constants_and_the_action_is_not():
    items = jnp.eye(3)[:2]
    by_action, by_items = jax.grad(lambda a, e: item_actions.scores(a, e)[0, 1], (0, 1))(jnp.ones((1, 3)), items)
    np.testing.assert_allclose(by_action, [[0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(by_items, np.zeros((2, 3)))


def test_sampling_from_greedy_logits_takes_the_best_item_that_is_left():
    values = jnp.asarray(np.random.default_rng(1).normal(size=(64, 50)).astype(np.float32))
    logits = item_actions.greedy_logits(values)
    np.testing.assert_array_equal(sampling.categorical(jax.random.key(0), logits), np.argmax(values, 1))
    best = np.argmax(np.asarray(values), 1)
    seen = jnp.zeros((64, 50), bool).at[jnp.arange(64), best].set(True)
    left = np.where(seen, -np.inf, values)
    masked = jnp.where(seen, -jnp.inf, logits)
    np.testing.assert_array_equal(sampling.categorical(jax.random.key(0), masked), left.argmax(1))
    np.testing.assert_array_equal(sampling.greedy(masked), left.argmax(1))

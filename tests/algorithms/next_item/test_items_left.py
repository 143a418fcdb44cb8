"""The control's regression by hand, and that it learns."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.next_item import items_left
from jaxrec.base.records import Sequences
from jaxrec.base.specs import SequencesSpec


def algorithm(**overrides):
    config = items_left.defaults()
    config.update({"encoder": "average", "width": 8, "batch_size": 2, **overrides})
    return items_left.make(config, SequencesSpec(2, 9, 3))


def rows() -> Sequences:
    item = jnp.array([[5, 6, 7, 8], [3, 4, 0, 0]])
    mask = jnp.array([[True] * 4, [True, True, False, False]])
    return Sequences(item, mask.astype(jnp.float32), mask, jnp.arange(2), jnp.array([2, 0]))


def test_the_target_is_the_log_of_what_is_left_of_the_session():
    made = algorithm(left_weight=3.0)
    state = made.learner.init(jax.random.key(0))
    state = state.replace(params=state.params | {"left": {"kernel": jnp.zeros(8), "bias": jnp.float32(1.0)}})
    _, metrics = jax.jit(made.learner.update)(state, rows(), jax.random.key(0))
    left = np.log1p([5, 4, 3, 1])  # 3, 2, 1 in the row and 2 after it; 1
    np.testing.assert_allclose(metrics["loss/items_left"], 3 * np.square(1 - left).mean(), rtol=1e-5)


@pytest.mark.parametrize("targets", ["all", "one"])
def test_it_learns(targets):
    made = algorithm(targets=targets)
    step, state = jax.jit(made.learner.update), made.learner.init(jax.random.key(0))
    found = []
    for n in range(350):
        state, metrics = step(state, rows(), jax.random.key(n))
        found.append((metrics["loss/items_left"], metrics["loss/next_item"]))
    left, item = np.mean(found[-50:], 0)  # of many steps, for one of them draws a position that may have been rare
    assert left < 0.02 and item < 0.2

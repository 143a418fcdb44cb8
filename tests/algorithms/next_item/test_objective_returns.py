"""Returns of accuracy, novelty and diversity against loops in numpy and numbers by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.next_item import objective_returns

RIGHT, UP, LEFT = (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)


def similarity(vectors):
    """The mean cosine over all pairs, pair by pair; 1 of one item."""
    pairs = [
        float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))) for i, a in enumerate(vectors) for b in vectors[i + 1 :]
    ]
    return float(np.mean(pairs)) if pairs else 1.0


def batch(rows=6, length=7, size=3):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(rows, length, size)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    mask = np.arange(length)[None] < np.array([7, 5, 1, 2, 3, 7])[:, None]
    return vectors, mask, rng.random((rows, length)) < 0.6


def test_logged_returns_equal_the_loop():
    vectors, mask, novel = batch()
    found = objective_returns.logged_returns(jnp.asarray(mask), jnp.asarray(novel), jnp.asarray(vectors))
    for row, steps in enumerate(mask.sum(1)):
        for t in range(steps):
            assert found["acc"][row, t] == steps - t  # T - t + 1 with t from 1
            assert found["nov"][row, t] == sum(bool(novel[row, later]) for later in range(t, steps))
            np.testing.assert_allclose(found["div"][row, t], 1 + similarity(vectors[row, : t + 1]), atol=1e-5)


def inference_returns_by_loop(vectors, novel, *, ahead, epsilon, diversity):
    """Algorithm 2 for x_1, ..., x_p, in Python; novel[t] is of the action of step t, p - 1 of them known."""
    p = len(vectors)
    last_reward = float((np.mean(novel[: p - 1]) if p > 1 else 0.0) >= epsilon)
    rewards = [*map(float, novel[: p - 1]), last_reward]
    seen = [1 + similarity(vectors[: t + 1]) for t in range(p)]
    if p == 1:
        seen = [1.0]
    else:
        seen[p - 1] = seen[p - 2]
    return {
        "acc": [p + ahead - t for t in range(p)],
        "nov": [sum(rewards[t:]) for t in range(p)],
        "div": [diversity * value for value in seen],
    }


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0])
def test_inference_returns_equal_algorithm_2(epsilon):
    vectors, mask, novel = batch()
    options = {"ahead": 1.0, "epsilon": epsilon, "diversity": 1.5}
    found = objective_returns.inference_returns(jnp.asarray(mask), jnp.asarray(novel), jnp.asarray(vectors), options)
    for row, steps in enumerate(mask.sum(1)):
        expected = inference_returns_by_loop(vectors[row, :steps], novel[row], **options)
        for name in objective_returns.OBJECTIVES:
            np.testing.assert_allclose(found[name][row, :steps], expected[name], atol=1e-5, err_msg=name)


def test_by_hand():
    """x = right, up, left, right; the actions are the last three, the tail {up, left}."""
    vectors = jnp.array([[RIGHT, UP, LEFT]])
    mask, novel = jnp.ones((1, 3), bool), jnp.array([[True, True, False]])
    found = objective_returns.logged_returns(mask, novel, vectors)
    np.testing.assert_allclose(found["acc"], [[3, 2, 1]])
    np.testing.assert_allclose(found["nov"], [[2, 1, 0]])
    np.testing.assert_allclose(found["div"], [[2, 1, 2 / 3]], atol=1e-6)  # Sim: 1; 0; (0 - 1 + 0) / 3
    options = {"ahead": 1.0, "epsilon": 0.5, "diversity": 2.0}
    at_inference = objective_returns.inference_returns(mask, novel, vectors, options)
    np.testing.assert_allclose(at_inference["acc"], [[4, 3, 2]])  # T = p + 1 = 4
    np.testing.assert_allclose(at_inference["nov"], [[3, 2, 1]])  # both steps before were novel: so shall the next be
    np.testing.assert_allclose(at_inference["div"], [[4, 2, 2]], atol=1e-6)


def test_the_novelty_reward_is_1_after_a_large_enough_share_of_novel_items():
    novel = jnp.array([[True, False, False, True, True]])
    assert objective_returns.inference_novelty_reward(novel, 0.5).tolist() == [
        [False, True, True, False, True]
    ]  # shares 0, 1, 1/2, 1/3, 1/2
    assert (
        objective_returns.inference_novelty_reward(novel, 0.0).all()
        and not objective_returns.inference_novelty_reward(novel, 1.5).any()
    )


def test_returns_without_their_data_are_left_out():
    assert set(objective_returns.logged_returns(jnp.ones((1, 2), bool), None, None)) == {"acc"}

"""Matrix factorisation recovers a planted matrix and never looks at held-out or test rows."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.user_models import matrix_factorization as mf
from jaxrec.algorithms.user_models import matrix_factorization_search as search
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.base.specs import RatingsSpec

N, A = 40, 30
SPEC = RatingsSpec(N, A, feedback_range=(1.0, 5.0))


def planted(noise: float = 0.2, share: float = 0.5) -> tuple[Interactions, np.ndarray]:
    """A rank-two matrix with biases inside (1, 5), and a random share of its cells with noise; a fifth of them TEST."""
    draw = np.random.default_rng(0)
    matrix = 3 + 0.3 * draw.normal(size=(N, 1)) + 0.3 * draw.normal(size=(1, A))
    matrix = np.clip(matrix + 0.6 * draw.normal(size=(N, 2)) @ draw.normal(size=(2, A)), 1.2, 4.8)
    cells = draw.permutation(N * A)[: int(share * N * A)]
    user, item = np.divmod(cells, A)
    rows = len(cells)
    log = Interactions(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        feedback=(matrix[user, item] + noise * draw.normal(size=rows)).astype(np.float32),
        time=np.zeros(rows, np.int64),
        split=np.where(np.arange(rows) % 5 == 0, TEST, TRAIN).astype(np.int8),
        user_ids=np.arange(N),
        item_ids=np.arange(A),
        name="planted",
    )
    return log, matrix


def small():
    config = mf.defaults()
    config.batch_size = 64
    config.search.widths, config.search.l2, config.search.passes = (1, 4), (0.02, 0.1), 60
    return config


@pytest.fixture(scope="module")
def fitted():
    log, matrix = planted()
    params, choice = search.fit(small(), SPEC, log)
    return log, matrix, params, choice


def test_factors_fold_the_biases_in():
    params = mf.init(jax.random.key(0), SPEC, width=3, init_scale=1.0)
    params["user"]["bias"] = jnp.arange(N) * 0.1
    params["item"]["bias"] = jnp.arange(A) * -0.2
    user, item = mf.factors(params)
    assert user.shape == (N, 5) and item.shape == (A, 5)
    i, j = 7, 11
    by_hand = 3.0 + 0.7 - 2.2 + float(params["user"]["factor"][i] @ params["item"]["factor"][j])
    np.testing.assert_allclose((user @ item.T)[i, j], by_hand, rtol=1e-5)
    np.testing.assert_allclose(mf.predict(params, jnp.array(i), jnp.array(j)), by_hand, rtol=1e-5)


def test_loss_by_hand():
    params = mf.init(jax.random.key(0), SPEC, width=1, init_scale=0.0)
    params["user"]["bias"] = jnp.full(N, 0.5)
    params["item"]["factor"] = jnp.full((A, 1), 2.0)
    batch = {"user": jnp.array([0, 1]), "item": jnp.array([2, 3]), "feedback": jnp.array([4.5, 1.5])}
    terms, _ = mf.loss(params, batch, 0.1)
    # predictions 3.5: errors -1 and 2; squared norms 0.25 + 4 in both rows.
    np.testing.assert_allclose([terms["squared_error"], terms["l2"]], [2.5, 0.425], rtol=1e-6)


def test_beats_the_biases_where_there_is_structure_and_comes_near_the_noise(fitted):
    log, matrix, params, choice = fitted
    assert choice.width == 4
    assert choice.rmse < 0.75 * choice.baseline_rmse["user_and_item"]
    unseen = np.ones((N, A), bool)
    unseen[log.user[log.split == TRAIN], log.item[log.split == TRAIN]] = False
    user, item = mf.factors(params)
    error = (np.clip(user @ item.T, 1.0, 5.0) - matrix)[unseen]
    assert np.sqrt(np.mean(error**2)) < 0.4


def test_bias_predictors_by_hand():
    log, _ = planted()
    two = log.where(np.array([0, 1]))
    two = dataclasses.replace(
        two, user=np.array([0, 1], np.int32), item=np.array([0, 0], np.int32), feedback=np.array([2, 4], np.float32)
    )
    found = mf.bias_only_rmse(two, two, damping=1.0)
    # mean 3; user biases -0.5 and 0.5; the item's is 0.
    assert found == pytest.approx({"mean": 1.0, "user": 0.5, "item": 1.0, "user_and_item": 0.5})


def test_test_rows_change_nothing(fitted):
    log, _, params, _ = fitted
    spoiled = dataclasses.replace(log, feedback=np.where(log.split == TEST, 1.0, log.feedback).astype(np.float32))
    again, _ = search.fit(small(), SPEC, spoiled)
    jax.tree.map(np.testing.assert_array_equal, params, again)


def test_held_out_rows_are_neither_lost_nor_shared():
    log, _ = planted()
    kept, held = search.hold_out(log, 0.1, seed=1)
    cells = [set(zip(rows.user.tolist(), rows.item.tolist(), strict=True)) for rows in (kept, held)]
    assert len(held) == 60 and len(kept) == 540 and not cells[0] & cells[1]


def test_empty_splits_are_one_clear_line():
    log, _ = planted()
    with pytest.raises(JaxrecError, match="planted has no rows in split 0"):
        mf.ratings(log.where(log.split == TEST))
    with pytest.raises(JaxrecError, match="leave none to hold out"):
        search.hold_out(log.where(np.arange(3)), 0.1, seed=0)

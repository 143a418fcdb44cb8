"""The DeepFM ensemble: its FM term against all pairs, its loss by hand, what it learns, how it completes a matrix."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.user_models import deep_fm
from jaxrec.algorithms.user_models import matrix_factorization as mf
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN
from jaxrec.base.specs import RatingsSpec
from jaxrec.environments import feedback_matrix
from jaxrec.losses.gaussian import gaussian_nll
from jaxrec.training import loop
from tests.algorithms.user_models.test_matrix_factorization import A, N, planted

FEATURES = (np.eye(3)[np.arange(N) % 3], np.random.default_rng(5).integers(0, 2, (A, 4)))
SPEC = RatingsSpec(N, A, feedback_range=(1.0, 5.0), features=FEATURES)


def small(**changes):
    config = deep_fm.defaults()
    config.update({"num_members": 2, "width": 3, "hidden": (8,), "batch_size": 128} | changes)
    return config


@pytest.fixture(scope="module")
def fresh():
    """(algorithm, network, params of one seed), all numbers of the parameters at random."""
    config = small()
    algorithm = deep_fm.make(config, SPEC)
    params = jax.jit(algorithm.learner.init)(jax.random.key(0)).params
    draw = np.random.default_rng(1)
    params["members"] = jax.tree.map(lambda x: jnp.asarray(draw.normal(size=x.shape), jnp.float32), params["members"])
    return algorithm, deep_fm.make_network(config, SPEC), params


def by_numpy(member, user, item):
    """Mean and variance of one pair, the FM term as a sum over all pairs of one long sparse vector."""
    member = jax.tree.map(np.asarray, member)
    sides = ("user", "item", "user_features", "item_features")
    x = [np.eye(N)[user], np.eye(A)[item], FEATURES[0][user], FEATURES[1][item]]
    weights = np.concatenate([member[f"{side}_weight"] for side in sides])
    vectors = np.concatenate([member[f"{side}_vector"] for side in sides])
    inputs = np.concatenate(x)
    active = np.flatnonzero(inputs)
    fm = sum(vectors[i] @ vectors[j] * inputs[i] * inputs[j] for i, j in itertools.combinations(active, 2))
    deep = np.concatenate([part @ member[f"{side}_vector"] for part, side in zip(x, sides, strict=True)])
    hidden = np.maximum(deep @ member["Dense_0"]["kernel"] + member["Dense_0"]["bias"], 0)
    out = hidden @ member["Dense_1"]["kernel"] + member["Dense_1"]["bias"]
    return member["level"] + weights @ inputs + fm + out[0], np.log1p(np.exp(out[1])) + 1e-3


def test_members_and_mixture_against_numpy(fresh):
    _, network, params = fresh
    pairs = [(0, 0), (7, 11), (39, 29)]
    user, item = (jnp.array(column) for column in zip(*pairs, strict=True))
    mean, variance = deep_fm.predict(network, params, user, item)
    members = [jax.tree.map(lambda x, k=k: x[k], params["members"]) for k in range(2)]
    for place, pair in enumerate(pairs):
        (m0, v0), (m1, v1) = (by_numpy(member, *pair) for member in members)
        np.testing.assert_allclose(mean[place], (m0 + m1) / 2, rtol=1e-4, atol=1e-4)
        spread = (v0 + v1) / 2 + ((m0 - m1) / 2) ** 2
        np.testing.assert_allclose(variance[place], spread, rtol=1e-3, atol=1e-3)


def test_scorer_gives_whole_rows(fresh):
    algorithm, network, params = fresh
    rows = jax.jit(algorithm.scorer)(params, jnp.array([3, 0]))
    assert rows.shape == (2, A)
    one, _ = deep_fm.predict(network, params, jnp.array([0]), jnp.array([17]))
    np.testing.assert_allclose(rows[1, 17], one[0], rtol=1e-4)


def test_likelihood_by_hand():
    """Mean 1, target 3: with variance 2, log(2) / 2 + 1; d/d mean = -2 / 2, d/d variance = 1 / 4 - 4 / 8."""
    arguments = (jnp.array(1.0), jnp.array(2.0), jnp.array(3.0))
    value, gradient = jax.value_and_grad(gaussian_nll, (0, 1))(*arguments)
    np.testing.assert_allclose(value, 0.5 * np.log(2.0) + 1.0, rtol=1e-6)
    np.testing.assert_allclose(gradient, [-1.0, -0.25], rtol=1e-6)


def test_features_are_kept_and_never_trained(fresh):
    algorithm, _, _ = fresh
    log, _ = planted()
    data = mf.ratings(log, TRAIN)
    state = loop.fit(algorithm.learner, algorithm.source, data, num_steps=2, steps_per_call=2)
    np.testing.assert_array_equal(state.params["features"]["user"][0], FEATURES[0])
    paths = {jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(state.opt_state)}
    assert paths and not any("'features" in path for path in paths)


def fitted(log):
    """Mean and variance [N, A] after training on the TRAIN rows, without features."""
    config = small(num_members=3, width=4, hidden=(16,), l2=0.02)
    config.optimizer.learning_rate = 0.01
    spec = RatingsSpec(N, A, feedback_range=(1.0, 5.0))
    algorithm = deep_fm.make(config, spec)
    state = loop.fit(algorithm.learner, algorithm.source, mf.ratings(log, TRAIN), num_steps=500, steps_per_call=500)
    params = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf[0])), state.params)
    pairs = [jnp.asarray(index.reshape(-1)) for index in np.indices((N, A))]
    found = jax.jit(lambda p: deep_fm.predict(deep_fm.make_network(config, spec), p, *pairs))(params)
    return [np.asarray(part).reshape(N, A) for part in found]


def test_beats_the_biases_and_tells_noise():
    log, matrix = planted()
    mean, variance = fitted(log)
    train, test = (log.where(log.split == split) for split in (TRAIN, TEST))
    unseen = np.ones((N, A), bool)
    unseen[train.user, train.item] = False
    error = np.sqrt(np.mean((np.clip(mean, 1, 5) - matrix)[unseen] ** 2))
    assert error < 0.85 * mf.bias_only_rmse(train, test)["user_and_item"]
    noisy = fitted(planted(noise=0.8)[0])[1]
    assert noisy.mean() > 3 * variance.mean() > 0


def test_completes_the_rewards_of_an_environment(fresh):
    """Any function of users to rows will do; observed ratings stay as they are."""
    algorithm, _, params = fresh
    score = jax.jit(algorithm.scorer)
    log, _ = planted()
    config = feedback_matrix.defaults()
    config.update({"threshold": 0.5})
    _, env_params = feedback_matrix.make(
        config, interactions=log, user_model=lambda users: np.asarray(score(params, users))
    )
    matrix = np.asarray(env_params.rewards.matrix)
    rows = log.where(log.split == TRAIN)
    np.testing.assert_allclose(matrix[rows.user, rows.item], rows.feedback, rtol=1e-6)
    missing = np.ones((N, A), bool)
    missing[rows.user, rows.item] = False
    whole = np.clip(np.asarray(score(params, jnp.arange(N))), log.feedback.min(), log.feedback.max())
    np.testing.assert_allclose(matrix[missing], whole[missing], rtol=1e-4)
    config.form = "factors"
    with pytest.raises(JaxrecError, match="form = factors needs user_model"):
        feedback_matrix.make(config, interactions=log, user_model=lambda users: np.asarray(score(params, users)))


@pytest.mark.parametrize(
    ("model", "message"),
    [(lambda u: np.zeros((len(u), 3)), "gives .* for"), (lambda u: np.full((len(u), A), np.nan), "not finite")],
)
def test_a_model_that_does_not_fit_is_refused(model, message):
    log, _ = planted()
    with pytest.raises(JaxrecError, match=message):
        feedback_matrix.make(feedback_matrix.defaults(), interactions=log, user_model=model)

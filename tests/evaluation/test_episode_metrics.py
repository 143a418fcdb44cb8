"""Metrics by hand and against the oracle."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.environments import similarity
from jaxrec.evaluation import easyrl4rec_metrics, episode_metrics
from tests.evaluation import oracles


def _counts(episodes, num_items):
    longest = max(map(len, episodes))
    action = np.array([e + [0] * (longest - len(e)) for e in episodes], np.int32).T
    mask = np.array([[t < len(e) for e in episodes] for t in range(longest)])
    return episode_metrics.recommendations(jnp.asarray(action), jnp.asarray(mask), num_items)


def test_by_hand():
    """Items 0 and 1 point the same way, 2 at a right angle to them, 3 against them, 4 has no features."""
    units = unit_vectors(jnp.array([[2.0, 0], [5, 0], [0, 3], [-1, 0], [0, 0]]))
    information = episode_metrics.self_information(jnp.array([3, 1, 0, 7, 0]))  # shares 4, 2, 1, 8, 1 of 16
    assert np.allclose(information, [2, 3, 4, 1, 4])
    counts = _counts([[0, 1], [0, 2], [0, 3], [0, 0, 3], [4, 4], [2]], 5)
    assert np.array_equal(counts[3], [2, 0, 0, 1, 0])
    diversity = episode_metrics.diversity(units, counts)
    assert int(diversity.count) == 5
    assert float(diversity.total) == pytest.approx(0 + 1 + 2 + (0 + 2 + 2) / 3 + 1)
    novelty = episode_metrics.novelty(information, counts)
    assert float(novelty.value()) == pytest.approx((5 + 6 + 3 + 5 + 8 + 4) / 12)


def test_nothing_counted_is_zero():
    assert float(episode_metrics.diversity(jnp.eye(3), _counts([[1], [2]], 3)).value()) == 0.0


def test_against_the_oracle():
    rng = np.random.default_rng(0)
    vectors = (rng.random((30, 7)) < 0.3).astype(np.float32) * rng.normal(size=(30, 7)).astype(np.float32)
    popularity = rng.integers(0, 50, 30)
    episodes = [rng.integers(0, 30, rng.integers(1, 12)).tolist() for _ in range(60)]
    counts = _counts(episodes, 30)
    expected = oracles.metrics(episodes, [[0.0] * len(e) for e in episodes], popularity, vectors)
    units = unit_vectors(jnp.asarray(vectors))
    information = episode_metrics.self_information(jnp.asarray(popularity))
    assert float(episode_metrics.diversity(units, counts).value()) == pytest.approx(expected["diversity"], abs=1e-5)
    assert float(episode_metrics.novelty(information, counts).value()) == pytest.approx(expected["novelty"], abs=1e-4)


def test_histogram_counts_what_the_mask_keeps():
    values = jnp.array([[0, 3], [9, 3], [1, 1]])
    mask = jnp.array([[True, True], [True, True], [False, True]])
    assert episode_metrics.histogram(values, mask, 5).tolist() == [1, 1, 0, 2, 1]


@pytest.mark.parametrize("kind", ["distance", "vectors", "category"])
def test_easyrl4rec_s_metrics_against_the_oracle(kind):
    rng = np.random.default_rng(0)
    vectors, categories = rng.normal(size=(30, 4)), rng.random((30, 6)) < 0.3
    distance = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
    if kind == "category":
        sets = [set(np.flatnonzero(row)) for row in categories]
        expected = [[len(a & b) / max(len(a | b), 1) for b in sets] for a in sets]
        known = similarity.of({"categories": categories}, "category")
    else:
        expected = 1 / (1 + distance)
        known = similarity.of({"vectors": vectors} if kind == "vectors" else {"distance": distance}, "distance")
    popularity = rng.uniform(0.01, 1, 30)
    items = easyrl4rec_metrics.Items(jnp.asarray(popularity), **{k: jnp.asarray(v) for k, v in known.items()})
    action = rng.integers(0, 30, (9, 40))
    length = rng.integers(1, 10, 40)
    mask = np.arange(9)[:, None] < length[None]
    found = [metric(items, jnp.asarray(action), jnp.asarray(mask)) for metric in
             (easyrl4rec_metrics.diversity, easyrl4rec_metrics.novelty)]  # fmt: skip
    episodes = [action[:n, b].tolist() for b, n in enumerate(length)]
    oracle = oracles.easyrl4rec(episodes, expected, popularity)
    for mean, name in zip(found, easyrl4rec_metrics.NAMES[1:], strict=True):
        assert float(mean.value()) == pytest.approx(oracle[name], rel=1e-4), name
    assert int(found[0].count) == (length > 1).sum() and (length == 1).any()


def test_a_similarity_that_is_not_known_is_refused():
    for facts, kind in (({"distance": np.eye(2)}, "cosine"), ({"distance": np.eye(2)}, "category"), ({}, "distance")):
        with pytest.raises(JaxrecError, match=f"similarity is '{kind}'"):
            similarity.of(facts, kind)

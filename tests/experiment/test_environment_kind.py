"""What a dataset of kind environment hands to evaluations, where users x items are held and where they are not."""

from __future__ import annotations

import io

import numpy as np
import pytest

from jaxrec import experiment
from jaxrec.config import declare
from jaxrec.config import experiment as experiments
from jaxrec.experiment import facts, preflight
from jaxrec.experiment.kinds import environment
from jaxrec.experiment.resources import Resources
from jaxrec.reporting.progress import Progress

USERS, ITEMS, WIDTH = 9, 6, 2


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    """Resources of one log, a user model of two steps, and environments of it in several forms."""
    folder = tmp_path_factory.mktemp("environments")
    rows = [(u, i, (u * i) % 4) for u in range(USERS) for i in range(ITEMS) if (u + i) % 3]
    (folder / "ratings.csv").write_text("user,item,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows))
    config = experiments.defaults()
    config.data.update(name="csv", options={"path": str(folder / "ratings.csv")})
    config.datasets.ratings = declare.dataset("ratings")
    config.stages.model = declare.fit(
        "user_models.matrix_factorization", "ratings", num_steps=2, steps_per_call=2, num_seeds=1, width=WIDTH
    )
    config.stages.completed = declare.transform("model", "user_factors", "item_factors")
    for name, options in {
        "dense": {},
        "factors": {"form": "factors"},
        "dense_named": {"similarity": "distance", "liked_from": 2.0},
        "factors_named": {"form": "factors", "similarity": "distance", "liked_from": 2.0},
    }.items():
        config.datasets[name] = declare.dataset(
            "environment", "feedback_matrix", user_model="completed", max_turn=4, threshold=0.5, **options
        )
    config.stages.cycle = declare.estimate("static.static_cycle", "dense")
    config.order = ("model", "completed", "cycle")
    resources = Resources(config, folder / "run")
    preflight.check(resources)
    for name in config.order:
        stage = experiment.stages.load(config.stages[name].kind)
        resources.folder(name).open()
        resources.folder(name).finish(stage.run(resources, name, Progress(io.StringIO())))
    return resources


def test_the_report_says_the_range_of_rewards(resources):
    assert "Rewards of csv lie between 0 and 3, its lowest and highest rating." in facts.of_datasets(resources)


def test_without_users_x_items_items_are_alike_by_factors(resources):
    dense, factors = (resources.measured_on(name, "").data[1].vectors for name in ("dense", "factors"))
    assert dense.shape == (ITEMS, USERS) and factors.shape == (ITEMS, WIDTH + 2)
    rewards = resources.dataset("factors").data.rewards
    product = np.asarray(rewards.user) @ np.asarray(rewards.item).T
    np.testing.assert_allclose(factors @ factors.T, product.T @ product, rtol=1e-3, atol=1e-3)


def test_named_metrics_know_likes_per_user_and_similarity(resources):
    log = resources.log
    likes = np.bincount(log.item[log.feedback >= 2], minlength=ITEMS)
    dense, factors = (resources.measured_on(name, "").data[1].easyrl4rec for name in ("dense_named", "factors_named"))
    np.testing.assert_allclose(dense.popularity, np.maximum(likes, 1) / USERS)
    matrix = np.asarray(resources.dataset("dense").data.rewards.matrix)
    distance = np.linalg.norm(matrix.T[:, None] - matrix.T[None], axis=-1)
    np.testing.assert_allclose(dense.similarity, 1 / (1 + distance), rtol=1e-4)
    assert factors.similarity is None and factors.vectors.shape == (ITEMS, WIDTH + 2)
    assert resources.measured_on("dense", "").data[1].easyrl4rec is None


def test_what_is_measured_changes_nothing_that_is_learned(resources):
    plain, named = resources.content("dense"), resources.content("dense_named")
    assert plain.learned == named.learned and plain.measured != named.measured


def test_the_log_of_an_environment_has_its_items(resources):
    assert environment.log_of(resources, "dense") is resources.log

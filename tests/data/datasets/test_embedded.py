"""The log of the embedded world: its shape, its policy, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION
from jaxrec.data.datasets import embedded
from jaxrec.data.world import generator as worlds
from jaxrec.data.world import logging_policy
from tests.data import world_truth


@pytest.fixture(scope="module")
def log():
    return embedded.load()


@pytest.fixture(scope="module")
def world():
    return worlds.generate(worlds.defaults())


def test_columns_and_features_have_the_promised_types(log):
    assert (log.num_users, log.num_items, log.name) == (300, 240, "embedded")
    types = {"user": np.int32, "item": np.int32, "feedback": np.float32, "time": np.int64, "split": np.int8}
    assert {name: getattr(log, name).dtype for name in types} == types
    assert {len(getattr(log, name)) for name in types} == {len(log)} and len(log) > 10_000
    assert log.feedback.min() >= 1 and log.feedback.max() <= 5
    shapes = {name: (value.shape, value.dtype) for name, value in log.item_features.items()}
    assert shapes["category"] == ((240, 8), bool) and shapes["image"] == ((240, 16, 16, 3), np.uint8)
    assert shapes["vectors"] == ((240, 8), np.float32) and shapes["attributes"] == ((240, 16), bool)
    for name in ("title", "brand", "category_name", "text"):
        assert shapes[name] == ((240,), object) and all(isinstance(value, str) for value in log.item_features[name])
    assert log.user_features["community"].shape == (300, 4) and (log.user_features["community"].sum(1) == 1).all()
    assert set(log.item_features["category"].sum(1)) == {1, 2}


def test_the_same_settings_give_the_same_log(log):
    again, other = embedded.load(text=False, images=False), embedded.load(world={"seed": 1}, images=False)
    for column in ("user", "item", "feedback", "time", "split"):
        np.testing.assert_array_equal(getattr(log, column), getattr(again, column))
    assert len(other) != len(log) or (other.item != log.item).any()
    assert not {"title", "image"} & set(again.item_features)


def test_users_of_the_test_pool_are_never_logged(log):
    assert np.unique(log.user).tolist() == list(range(200))


def test_rows_run_by_user_session_and_turn(log):
    session = world_truth.session_index(log)
    order = np.lexsort((log.time, session, log.user))
    np.testing.assert_array_equal(order, np.arange(len(log)))
    same = (np.diff(log.user) == 0) & (np.diff(session) == 0)
    assert (np.diff(log.time)[same] == 30).all() and (
        np.diff(log.time)[~same & (np.diff(log.user) == 0)] > 86_400
    ).all()
    per_user = np.unique(np.stack([log.user, session]), axis=1)
    assert per_user.shape[1] == 200 * 8 and set(session) == set(range(8))


def test_the_last_session_is_test_and_the_one_before_validation(log):
    session = world_truth.session_index(log)
    np.testing.assert_array_equal(log.split, np.where(session == 7, TEST, np.where(session == 6, VALIDATION, TRAIN)))
    one = embedded.load(size="tiny", world={"num_sessions": 1}, images=False)
    two = embedded.load(size="tiny", world={"num_sessions": 2}, images=False)
    assert set(one.split) == {TRAIN} and set(two.split) == {TRAIN, TEST}


def test_feedback_is_what_the_true_matrix_says_with_the_rest_on_top(log, world):
    matrix = world_truth.expected_feedback(world, np.arange(200), np.arange(240))
    expected = matrix[log.user, log.item]
    assert 0.3 < np.corrcoef(expected, log.feedback)[0, 1] < 0.8


def test_the_policy_is_mediocre(log, world):
    """Better than chance, far from what can be had; and it leans to the popular."""
    session = world_truth.session_index(log)
    _, index = np.unique(log.user * 100 + session, return_inverse=True)
    returns = np.bincount(index, weights=log.feedback)
    uniform = embedded.load(images=False, logging={"candidates": 1, "popularity": 0.0})
    _, index = np.unique(uniform.user * 100 + world_truth.session_index(uniform), return_inverse=True)
    chance = np.bincount(index, weights=uniform.feedback).mean()
    assert 1.2 * chance < returns.mean() < 30  # the clairvoyant has about 90
    assert np.quantile(returns, 0.95) > 2 * returns.mean()  # good pieces to stitch exist
    shown = np.bincount(log.item, minlength=240)
    assert np.corrcoef(np.log(world.popularity), np.log(shown + 1))[0, 1] > 0.6
    assert np.sort(shown)[-24:].sum() > 0.25 * len(log) and (shown > 0).mean() > 0.9


def test_the_policy_leans_to_what_was_just_liked(log):
    category, session = log.item_features["category"], world_truth.session_index(log)
    same_session = (np.diff(log.user) == 0) & (np.diff(session) == 0)
    shared = (category[log.item[1:]] & category[log.item[:-1]]).any(1)
    liked = log.feedback[:-1] > 3
    assert shared[same_session & liked].mean() > shared[same_session & ~liked].mean() + 0.2


def test_chunks_of_sessions_do_not_change_the_first(monkeypatch):
    whole = embedded.load(size="tiny", images=False, text=False)
    monkeypatch.setattr(logging_policy, "LANES", 40)
    parts = embedded.load(size="tiny", images=False, text=False)
    assert set(np.unique(parts.user)) == set(np.unique(whole.user)) and len(parts) != 0
    assert abs(parts.feedback.mean() - whole.feedback.mean()) < 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "huge"}, "world size 'huge' is unknown"),
        ({"world": {"num_itemz": 3}}, "num_itemz"),
        ({"logging": {"noise": "much"}}, "logging cannot take"),
        ({"logging": {"max_turn": 0}}, "max_turn is 0"),
    ],
)
def test_mistakes_get_one_line(options, message):
    with pytest.raises(JaxrecError, match=message) as caught:
        embedded.load(**options)
    assert "\n" not in str(caught.value)

"""10,000 random episodes of each rule, form and mode, equal to the oracle step by step; what `make` builds, refuses."""

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN
from jaxrec.environments import exit_rules, feedback_matrix
from tests.environments import oracles, play

EPISODES = 10_000


def expected_matrix(interactions, user, item, *, split=TRAIN, low=1.0, high=5.0):
    """The completed matrix, entry by entry."""
    matrix = np.array([[min(max(float(u @ i), low), high) for i in item] for u in user])
    for u, i, r, s in zip(interactions.user, interactions.item, interactions.feedback, interactions.split, strict=True):
        if s == split:
            matrix[u, i] = r
    return matrix


def between(distances, quantile):
    """A threshold in the widest gap near a quantile, so that no comparison hangs on the last bit."""
    values = np.unique(np.round(distances[distances > 0], 4))
    middle = int(quantile * len(values))
    near = values[max(middle - 5, 0) : middle + 5]
    widest = int(np.argmax(np.diff(near)))
    return float(near[widest] + near[widest + 1]) / 2


@pytest.mark.parametrize(
    ("mode", "window_mode", "window", "max_turn"),
    [("FB", "easyrl4rec", 7, 12), ("FB", "last_n", 3, 12), ("NX_0", "easyrl4rec", 5, 10), ("NX_11", "last_n", 4, 5)],
)
def test_distance_rule_follows_the_oracle(mode, window_mode, window, max_turn):
    interactions, model = play.log(), play.factors()
    matrix = expected_matrix(interactions, *model)
    threshold = between(exit_rules.column_distances(matrix), 0.08)
    config = play.config(window=window, window_mode=window_mode, threshold=threshold, max_turn=max_turn)
    env, params = feedback_matrix.make(config, interactions=interactions, user_model=model)
    steps = play.episodes(env, params, mode, EPISODES, num_steps=13)
    rule = oracles.DistanceRule(matrix, threshold, window, window_mode)
    limit, exits = (11, False) if mode == "NX_11" else (max_turn, True)
    play.assert_follows(steps, lambda user: oracles.FeedbackMatrix(matrix, rule, user, max_turn=limit, exits=exits))
    lengths = steps.mask.sum(0)
    if exits:
        assert {2, 3, max_turn} <= set(lengths) and lengths.max() == max_turn
    else:
        assert (lengths == limit).all()
    if mode.startswith("NX"):
        assert all(len(set(a[:n])) == n for a, n in zip(steps.action.T, lengths, strict=True))
    else:
        assert any(len(set(a[:n])) < n for a, n in zip(steps.action.T, lengths, strict=True))


def test_factors_follow_the_oracle_of_the_product():
    interactions, (user, item) = play.log(), play.factors()
    product = user @ item.T
    threshold = between(exit_rules.column_distances(product), 0.1)
    config = play.config(form="factors", threshold=threshold, max_turn=9, reward_low=2.0)
    env, params = feedback_matrix.make(config, interactions=interactions, user_model=(user, item))
    steps = play.episodes(env, params, "FB", EPISODES, num_steps=9)
    rule = oracles.DistanceRule(product, threshold, 7, "easyrl4rec")
    clipped = np.clip(product, 2.0, 5.0)
    play.assert_follows(steps, lambda user: oracles.FeedbackMatrix(clipped, rule, user, max_turn=9))
    assert len({leaf.shape for leaf in (params.rewards.user, params.rewards.item)}) == 2  # nothing N x A is held


@pytest.mark.parametrize(("threshold", "window", "window_mode"), [(0, 4, "last_n"), (1, 9, "easyrl4rec")])
def test_category_rule_follows_the_oracle(threshold, window, window_mode):
    interactions, model = play.log(), play.factors()
    config = play.config(exit_rule="category", threshold=threshold, window=window, window_mode=window_mode, max_turn=14)
    env, params = feedback_matrix.make(config, interactions=interactions, user_model=model)
    steps = play.episodes(env, params, "FB", EPISODES, num_steps=14)
    rule = oracles.CategoryRule(interactions.item_features["category"], threshold, window, window_mode)
    matrix = expected_matrix(interactions, *model)
    play.assert_follows(steps, lambda user: oracles.FeedbackMatrix(matrix, rule, user, max_turn=14))
    assert len(set(steps.mask.sum(0))) >= 4


@pytest.mark.parametrize("mode", exit_rules.WINDOWS)
def test_window_is_the_slice_of_the_published_rule(mode):
    for size in range(1, 11):
        for turn in range(31):
            expected = oracles.window(list(range(turn)), size, mode) if turn else []
            count = int(exit_rules.window_size(np.int32(turn), size, mode))
            assert list(range(turn))[turn - count :] == expected if count else not expected


def test_users_and_starting_items_are_uniform():
    env, params = feedback_matrix.make(play.config(), interactions=play.log(), user_model=play.factors())
    steps = play.episodes(env, params, "FB", EPISODES, num_steps=1)
    for drawn, size in ((steps.observation.user, play.USERS), (steps.observation.item, play.ITEMS)):
        counts = np.bincount(drawn[0], minlength=size)
        expected = EPISODES / size
        assert len(counts) == size and ((counts - expected) ** 2 / expected).sum() < size + 6 * np.sqrt(2 * size)
    assert (steps.observation.feedback[0] == 0).all()


def test_each_split_has_its_own_ratings_and_the_leak_is_asked_for():
    interactions, train, test = play.log(), play.factors(1), play.factors(2)
    both = {"train": train, "test": test}
    _, own = feedback_matrix.make(play.config(), interactions=interactions, user_model=both)
    _, other = feedback_matrix.make(play.config(split="test"), interactions=interactions, user_model=both)
    leak = play.config(exit_distance_source="test")
    _, leaky = feedback_matrix.make(leak, interactions=interactions, user_model=both)
    assert np.array_equal(own.rewards.matrix, leaky.rewards.matrix)
    assert np.array_equal(other.exit_rule.distance, leaky.exit_rule.distance)
    assert not np.array_equal(own.exit_rule.distance, leaky.exit_rule.distance)
    assert np.allclose(own.rewards.matrix, expected_matrix(interactions, *train), atol=1e-5)
    with pytest.raises(JaxrecError, match="exit_distance_source = test needs"):
        feedback_matrix.make(leak, interactions=interactions, user_model=train)


def test_a_pair_rated_twice_counts_its_mean():
    interactions = play.log(observed=1.0)
    twice = interactions.where(np.r_[np.arange(len(interactions)), 0])
    twice.feedback[-1] = 1.0 if twice.feedback[0] != 1.0 else 2.0
    _, params = feedback_matrix.make(play.config(split="all"), interactions=twice)
    assert params.rewards.matrix[0, 0] == (twice.feedback[0] + twice.feedback[-1]) / 2


@pytest.mark.parametrize(
    ("changes", "model", "message"),
    [
        ({"exit_rule": "boredom"}, True, "exit_rule is 'boredom'"),
        ({"window": 0}, True, "window is 0"),
        ({"max_turn": 0}, True, "max_turn is 0"),
        ({"reward_low": 5.0}, True, "not below reward_high"),
        ({"exit_rule": "category", "threshold": 0.5}, True, "set a whole number"),
        ({"exit_rule": "category", "category_feature": "genre"}, True, "no item feature 'genre'"),
        ({}, False, "are missing; fit a user model"),
        ({"form": "factors"}, False, "form = factors needs user_model"),
    ],
)
def test_mistakes_are_one_clear_line(changes, model, message):
    with pytest.raises(JaxrecError, match=message) as error:
        feedback_matrix.make(
            play.config(**changes), interactions=play.log(), user_model=play.factors() if model else None
        )
    assert "\n" not in str(error.value)


def test_a_user_model_of_another_catalogue_is_refused():
    user, item = play.factors()
    for wrong in ((user[1:], item), (user, item[:, 1:]), (user * np.nan, item)):
        with pytest.raises(JaxrecError, match="user model"):
            feedback_matrix.make(play.config(), interactions=play.log(), user_model=wrong)


@pytest.mark.parametrize("form", ["dense", "factors"])
def test_item_facts_are_what_the_exit_rule_compares(form):
    env, params = feedback_matrix.make(
        play.config(form=form, split="all"), interactions=play.log(), user_model=play.factors()
    )
    facts = env.item_facts(params)
    if form == "dense":
        matrix = np.asarray(params.rewards.matrix)
        columns = np.linalg.norm(matrix.T[:, None] - matrix.T[None], axis=-1)
        np.testing.assert_allclose(facts["distance"], columns, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(facts["liking"], matrix.mean(0), rtol=1e-6)
    else:
        user, item = play.factors()
        product = user @ item.T
        columns = np.linalg.norm(product.T[:, None] - product.T[None], axis=-1)
        distance = np.linalg.norm(facts["vectors"][:, None] - facts["vectors"][None], axis=-1)
        np.testing.assert_allclose(distance, columns, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(facts["liking"], product.mean(0), rtol=1e-4, atol=1e-5)


def test_item_facts_give_back_the_categories():
    interactions = play.log()
    env, params = feedback_matrix.make(
        play.config(exit_rule="category", threshold=1), interactions=interactions, user_model=play.factors()
    )
    found = env.item_facts(params)["categories"]
    np.testing.assert_array_equal(found[:, : play.CATEGORIES], interactions.item_features["category"])
    assert not found[:, play.CATEGORIES :].any()

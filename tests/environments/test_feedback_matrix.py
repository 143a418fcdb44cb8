"""10,000 random episodes of each rule, form and mode, equal to the oracle step by step; what `make` builds, refuses."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base import memory
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN
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
    config = play.config(form="factors", threshold=threshold, max_turn=9, reward_low=2.0, clip_ratings=True)
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
        ({"reward_low": 5.0}, True, "reward_low 5 is not below reward_high 5"),
        ({"reward_high": float("nan")}, True, "reward_high is nan: set it to a finite number"),
        ({"reward_low": 2.0}, True, r"from 2 to 5 cut off 2\d\.\d% of the ratings .* leave reward_low"),
        ({"reward_origin": "least of all"}, True, "reward_origin is 'least of all'"),
        ({"exit_distances": "missing.npy"}, True, "exit_distances missing.npy cannot be read"),
        ({"exit_rule": "category", "exit_distances": "x.npy", "threshold": 1}, True, "are for exit_rule = distance"),
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


def with_untagged():
    """A log in which items 3 and 5 have no category."""
    interactions = play.log()
    categories = interactions.item_features["category"].copy()
    categories[[3, 5]] = False
    return dataclasses.replace(interactions, item_features={"category": categories})


def test_item_facts_give_back_the_categories():
    interactions = with_untagged()
    env, params = feedback_matrix.make(
        play.config(exit_rule="category", threshold=1), interactions=interactions, user_model=play.factors()
    )
    facts, categories = env.item_facts(params), interactions.item_features["category"]
    found, untagged = facts["categories"], ~categories.any(1)
    np.testing.assert_array_equal(found[:, : play.CATEGORIES], categories)
    np.testing.assert_array_equal(found[:, play.CATEGORIES], untagged)
    assert untagged.any() and not found[:, play.CATEGORIES + 1 :].any()
    assert (facts["window"], facts["threshold"]) == (7, 1)


def with_feedback(feedback):
    """A log whose rows, in turn, have these ratings."""
    interactions = play.log()
    return dataclasses.replace(interactions, feedback=np.resize(np.float32(feedback), len(interactions)))


@pytest.mark.parametrize(
    ("feedback", "low", "high"),
    [((0, 1), 0, 1), (range(11), 0, 10), ((-1, 1, 2, 3, 4, 5), -1, 5), ((1, 2, 3, 4, 5), 1, 5)],
    ids=["clicks", "0 to 10", "-1 for missing", "1 to 5"],
)
def test_rewards_have_the_range_of_the_ratings(feedback, low, high):
    interactions, config = with_feedback(feedback), play.config(split="all")
    _, params = feedback_matrix.make(config, interactions=interactions, user_model=play.factors())
    matrix = np.asarray(params.rewards.matrix)
    np.testing.assert_array_equal(matrix[interactions.user, interactions.item], interactions.feedback)
    assert (matrix.min(), matrix.max()) == (low, high)  # of predictions too, which go beyond on both sides
    assert feedback_matrix.expected_spec(config, interactions).reward_range == (low, high)
    said = f"Rewards of {interactions.name} lie between {low} and {high}, its lowest and highest rating."
    assert feedback_matrix.facts(config, interactions) == [said]


def test_a_range_that_clips_is_refused_or_told_with_its_share():
    ten = with_feedback(range(11))
    config = play.config(split="all", reward_low=1.0, reward_high=5.0)
    share = np.mean((ten.feedback < 1) | (ten.feedback > 5))
    with pytest.raises(JaxrecError, match=f"cut off {share:.1%} of the ratings"):
        feedback_matrix.make(config, interactions=ten, user_model=play.factors())
    config.clip_ratings = True
    _, params = feedback_matrix.make(config, interactions=ten, user_model=play.factors())
    assert params.rewards.range() == (1, 5)
    assert f"{share:.1%} of its ratings are clipped" in feedback_matrix.facts(config, ten)[0]
    with pytest.raises(JaxrecError, match="every rating of .* is 1, so there is nothing to learn"):
        feedback_matrix.make(play.config(), interactions=with_feedback([1]), user_model=play.factors())


def test_untagged_videos_follow_the_published_rule_in_every_decision():
    """KuaiRand's rule (N 10, threshold 0) on 350,000 decisions over 600 videos, a tenth without tags."""
    rng, items, turns = np.random.default_rng(0), 600, 35
    tags = np.stack([rng.permutation(60)[:3] for _ in range(items)])
    tags[np.arange(3)[None] >= rng.integers(1, 4, items)[:, None]] = -2
    untagged = rng.random(items) < 0.1
    tags[untagged] = (-1, -2, -2)
    categories = (tags[:, :, None] == np.arange(60)).any(1)
    actions = rng.integers(0, items, (10_000, turns)).astype(np.int32)
    expected = oracles.published_leaves(tags, actions, 10, 0)
    bits = exit_rules.pack_categories(exit_rules.with_untagged(categories))
    rule = exit_rules.Category(jnp.asarray(bits), 0)

    def episode(actions):
        def turn(recent, t):
            leaves = rule.leaves(actions[t], recent, exit_rules.window_size(t, 10, "easyrl4rec"))
            return jnp.concatenate([actions[t][None], recent[:-1]]), leaves

        return jax.lax.scan(turn, jnp.zeros(10, jnp.int32), jnp.arange(turns))[1]

    found = np.asarray(jax.jit(jax.vmap(episode))(actions))
    assert found.size == 350_000 and (found != expected).sum() == 0
    without = oracles.published_leaves(np.where(tags == -1, -2, tags), actions, 10, 0)
    assert (without != expected).sum() > 10_000  # so many hang on the untagged alone


def test_an_untagged_item_cannot_be_repeated_for_ever():
    config = play.config(exit_rule="category", threshold=0, window=10)
    env, params = feedback_matrix.make(config, interactions=with_untagged(), user_model=play.factors())
    _, state = env.reset_env(jax.random.key(0), params)
    ended = []
    for item in (3, 5):  # the untagged share their category
        _, state, _, terminated, _ = env.step_env(jax.random.key(0), state, item, params)
        ended.append(bool(terminated))
    assert ended == [False, True]


def test_rewards_from_the_least_are_paid_and_not_shown():
    interactions, model = play.log(), play.factors()
    for form in ("dense", "factors"):
        _, plain = feedback_matrix.make(play.config(form=form), interactions=interactions, user_model=model)
        config = play.config(form=form, reward_origin="least")
        env, params = feedback_matrix.make(config, interactions=interactions, user_model=model)
        least = plain.rewards.range()[0]
        _, state = env.reset_env(jax.random.key(0), params)
        observation, _, reward, _, _ = env.step_env(jax.random.key(0), state, 3, params)
        assert float(observation.feedback) == float(plain.rewards.reward(state.user, 3))
        assert float(reward) == float(observation.feedback) - least
        assert env.reward_range == (0.0, plain.rewards.range()[1] - least)
        assert feedback_matrix.expected_spec(config, interactions).reward_range == (0.0, 4.0)


def test_episodes_of_the_test_users_leave_by_the_rows_of_all():
    interactions, model = play.log(), play.factors()
    few = interactions.where((interactions.split == TRAIN) | (interactions.user < 4) & (interactions.item < 9))
    test = few.split == TEST
    users, items = np.unique(few.user[test]), np.unique(few.item[test])
    config = play.config(episodes_of="test")
    env, params = feedback_matrix.make(config, interactions=few, user_model=model)
    _, whole = feedback_matrix.make(play.config(), interactions=few, user_model=model)
    assert len(users) == 4 and env.num_actions == len(items) < play.ITEMS
    np.testing.assert_array_equal(params.rewards.matrix, np.asarray(whole.rewards.matrix)[np.ix_(users, items)])
    distance = np.asarray(whole.exit_rule.distance)[np.ix_(items, items)]
    np.testing.assert_allclose(params.exit_rule.distance, distance, rtol=1e-6)
    spec = feedback_matrix.expected_spec(config, few)
    assert (spec.num_users, spec.num_items) == (4, len(items)) and spec.item_ids.tolist() == items.tolist()


def test_exit_distances_may_be_given(tmp_path):
    distance = np.abs(np.subtract.outer(np.arange(play.ITEMS), np.arange(play.ITEMS))).astype(np.float64)
    path = tmp_path / "distances.npy"
    for broken, message in (
        (distance[:5], "is no .npy file of numbers"),
        (distance - 1, "negative or not finite"),
        (np.where(distance == 3, np.nan, distance), "negative or not finite"),
        (np.triu(distance), "is not symmetric"),
        (distance.astype(object), "cannot be read as a .npy file of numbers"),
    ):
        np.save(path, broken, allow_pickle=True)
        with pytest.raises(JaxrecError, match=message) as error:
            feedback_matrix.expected_spec(play.config(exit_distances=str(path)), play.log())
        assert "\n" not in str(error.value)
    np.save(path, distance)
    for form in ("dense", "factors"):
        config = play.config(exit_distances=str(path), form=form, threshold=2.0)
        _, params = feedback_matrix.make(config, interactions=play.log(), user_model=play.factors())
        np.testing.assert_array_equal(params.exit_rule.distance, distance)


def test_what_cannot_fit_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: int(16e9))
    ids = np.arange(25_000)
    log = dataclasses.replace(play.log(), user_ids=ids, item_ids=ids, item_features={})
    with pytest.raises(
        JaxrecError, match=r"25,000 users x 25,000 items needs 22\.5 GB of memory, 16\.0 are free; .*'factors'"
    ):
        feedback_matrix.expected_spec(play.config(), log)
    assert feedback_matrix.expected_spec(play.config(form="factors"), log).num_items == 25_000
    monkeypatch.setattr(memory, "available", lambda: None)  # where the system does not say, nothing is refused
    feedback_matrix.expected_spec(play.config(), log)

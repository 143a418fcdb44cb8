"""Static policies: what they prefer, with masks and without."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.static import popular, random, static_cycle
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, Interactions, Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import feedback_matrix
from tests.environments import play

SPEC = EnvironmentSpec(num_users=3, num_items=6, max_turn=5)


def observed(turn):
    turn = jnp.asarray(turn, jnp.int32)
    zero = jnp.zeros_like(turn)
    return Observation(zero, zero, zero.astype(jnp.float32), turn, jnp.zeros((len(turn), 0)))


def logged(item, feedback, split=None):
    rows = len(item)
    return Interactions(
        user=np.zeros(rows, np.int32),
        item=np.asarray(item, np.int32),
        feedback=np.asarray(feedback, np.float32),
        time=np.zeros(rows, np.int64),
        split=np.asarray([TRAIN] * rows if split is None else split, np.int8),
        user_ids=np.arange(3),
        item_ids=np.arange(6),
    )


def preferred(algorithm, params, turn, unused=None):
    """The greedy item at a turn, among those unused."""
    _, logits = algorithm.policy.act(params, algorithm.policy.init(params, 1), observed([turn]), jax.random.key(0))
    logits = np.array(logits[0])
    if unused is not None:
        logits[[i for i in range(6) if i not in unused]] = -np.inf
    return int(logits.argmax())


def test_random_is_uniform_over_any_subset():
    scores = np.asarray(random.scores(jax.random.key(3), 20_000, 300))
    whole = np.bincount(scores.argmax(1), minlength=300)
    # chi-square with 299 degrees of freedom: mean 299, standard deviation 24.5
    assert np.square(whole - 20_000 / 300).sum() / (20_000 / 300) < 299 + 4 * 24.5
    subset = np.bincount(scores[:, [0, 1, 2, 150, 299]].argmax(1), minlength=5)
    assert np.square(subset - 4000).sum() / 4000 < 4 + 4 * 2.83
    assert abs(scores.mean() - 0.5) < 1e-3
    pairs = np.corrcoef(scores[:, :8].T)[np.triu_indices(8, 1)]
    assert abs(pairs).max() < 4 / np.sqrt(20_000)


def test_random_differs_between_users_and_keys():
    first, second = (np.asarray(random.scores(jax.random.key(k), 50, 300)) for k in (0, 1))
    assert len({*first.argmax(1)}) > 20
    assert (first.argmax(1) != second.argmax(1)).any()


def test_random_draws_continuous_actions_in_the_box():
    algorithm = random.make(random.defaults(), EnvironmentSpec(3, 6, 5, action_size=4))
    _, action = algorithm.policy.act({}, (), observed([0] * 200), jax.random.key(0))
    assert action.shape == (200, 4)
    assert -1 <= action.min() < -0.9 and 0.9 < action.max() < 1


def test_popular_counts_training_rows_and_breaks_ties_by_feedback():
    rows = logged([4, 4, 4, 1, 1, 2, 2, 0, 0, 0, 0], [1, 1, 1, 1, 1, 5, 5, 9, 9, 9, 9], [TRAIN] * 7 + [TEST] * 4)
    params = popular.make(popular.defaults(), SPEC).estimate(rows)
    algorithm = popular.make(popular.defaults(), SPEC)
    assert preferred(algorithm, params, 0) == 4
    assert preferred(algorithm, params, 3, unused={0, 1, 2, 3, 5}) == 2
    assert preferred(algorithm, params, 3, unused={0, 1, 3, 5}) == 1


# Items on a line: 0 and 1 are near each other, and so are 2 and 3; 4 and 5 are far from everything.
VECTORS = np.array([[0.0], [1.0], [10.0], [11.0], [30.0], [50.0]])
LIKING = np.array([5.0, 4.9, 4.0, 3.9, 3.0, 1.0])


def cycle(window, threshold=2.0, **facts):
    facts = {"liking": LIKING, "vectors": VECTORS, "window": window, "threshold": threshold} | facts
    algorithm = static_cycle.make(static_cycle.defaults(), SPEC)
    return algorithm, algorithm.estimate(logged([0], [1.0]), **facts)


def test_cycle_takes_the_most_liked_items_that_are_far_from_each_other():
    algorithm, params = cycle(window=2)
    assert [preferred(algorithm, params, turn) for turn in range(7)] == [0, 2, 4, 0, 2, 4, 0]


def test_without_repeats_the_sequence_goes_on_where_the_cycle_is_used_up():
    algorithm, params = cycle(window=2)
    unused, taken = set(range(6)), []
    for turn in range(5):
        taken.append(preferred(algorithm, params, turn, unused))
        unused.remove(taken[-1])
    # after 0, 2, 4 the most liked unused item is 1, by then out of reach of 0; then 3 likewise.
    assert taken == [0, 2, 4, 1, 3]
    assert preferred(algorithm, params, 4, unused={5}) == 5


def test_cycle_by_category_shares_none():
    categories = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1], [0, 0, 1]], bool)
    algorithm, params = cycle(window=2, threshold=0.0, vectors=None, categories=categories)
    assert [preferred(algorithm, params, turn) for turn in range(3)] == [0, 2, 4]
    # The rule lets a category recur once: 0 and 1 share one, and the third of it would be one too many.
    algorithm, params = cycle(window=2, threshold=1.0, vectors=None, categories=categories)
    assert [preferred(algorithm, params, turn) for turn in range(3)] == [0, 1, 2]


def test_where_no_item_is_far_the_least_close_is_taken():
    algorithm, params = cycle(window=3, threshold=15.0)
    items = [preferred(algorithm, params, turn) for turn in range(4)]
    assert items[:3] == [0, 4, 5] and items[3] in (1, 2, 3)


def test_the_cycle_never_comes_within_reach_of_itself():
    draw = np.random.default_rng(0)
    vectors, liking = draw.normal(size=(40, 5)), draw.normal(size=40)
    items = static_cycle.spaced_items(
        liking, 4, 5, static_cycle.num_near(static_cycle.near_items(1.5, vectors=vectors))
    )
    distance = np.linalg.norm(vectors[items][:, None] - vectors[items][None], axis=-1)
    assert distance[~np.eye(5, dtype=bool)].min() >= 1.5
    assert items[0] == liking.argmax()


def test_liking_comes_from_damped_training_rows():
    rows = logged([0, 0, 1, 2, 2], [5, 5, 5, 1, 1], [TRAIN] * 3 + [TRAIN, TEST])
    found = static_cycle.mean_feedback(rows, 6, damping=1.0)
    np.testing.assert_allclose(found, [14 / 3, 9 / 2, 5 / 2, 4, 4, 4])


def test_sampling_follows_the_order_too():
    algorithm, params = cycle(window=2)
    _, logits = algorithm.policy.act(params, (), observed([0, 1, 2]), jax.random.key(0))
    assert jax.nn.softmax(logits).max(-1).min() > 1 - 1e-6


@pytest.mark.parametrize("module", [popular, static_cycle])
def test_continuous_actions_are_refused(module):
    with pytest.raises(JaxrecError, match="continuous"):
        module.make(module.defaults(), EnvironmentSpec(3, 6, 5, action_size=2))


def test_a_cycle_needs_what_the_exit_rule_compares():
    for missing in ({"vectors": None}, {"window": None}):
        with pytest.raises(JaxrecError, match="no window, or no distance, vectors or categories"):
            cycle(**{"window": 2, **missing})


@pytest.mark.parametrize("form", ["dense", "factors"])
def test_the_cycle_follows_the_rule_of_its_environment(form):
    interactions, model = play.log(), play.factors()

    def made(**rules):
        env, params = feedback_matrix.make(
            play.config(form=form, split="all", **rules), interactions=interactions, user_model=model
        )
        algorithm = static_cycle.make(static_cycle.defaults(), EnvironmentSpec(play.USERS, play.ITEMS, 10))
        facts = env.item_facts(params)
        return np.asarray(algorithm.estimate(interactions, **facts)["static_cycle"]["cycle"]), facts

    (near, facts), (far, _), (short, _) = made(window=2, threshold=0.1), made(window=2, threshold=6.0), made(window=1)
    vectors = facts["vectors"] if form == "factors" else np.asarray(facts["ratings"]).T
    distance = np.linalg.norm(vectors[far][:, None] - vectors[far][None], axis=-1)
    assert distance[~np.eye(3, dtype=bool)].min() >= 6.0
    assert near.tolist() == np.argsort(-facts["liking"], kind="stable")[:3].tolist() != far.tolist()
    assert len(short) == 2


def test_without_a_log_there_is_nothing_to_count():
    with pytest.raises(JaxrecError, match="no dataset is configured"):
        popular.make(popular.defaults(), SPEC).estimate(None)
    with pytest.raises(JaxrecError, match="neither a log nor what users like"):
        static_cycle.make(static_cycle.defaults(), SPEC).estimate(None, vectors=VECTORS, window=2)

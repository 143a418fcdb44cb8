"""Next-item models learn a chain of items exactly, by either softmax and either choice of targets, and score alike."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.next_item import cross_entropy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.evaluation import ranking_metrics, rankings
from jaxrec.losses import catalogue
from jaxrec.models.history import History, at_positions
from jaxrec.training import loop

ITEMS, LENGTH = 12, 6


def chain() -> NextItem:
    """After item i always comes 5 i + 3 (mod 12); rows of several lengths."""
    item = np.zeros((24, LENGTH), np.int32)
    item[:, 0] = np.arange(24) % ITEMS
    for t in range(1, LENGTH):
        item[:, t] = (5 * item[:, t - 1] + 3) % ITEMS
    mask = np.arange(LENGTH)[None] < (2 + np.arange(24) % 5)[:, None]
    rows = Sequences(item * mask, np.ones((24, LENGTH), np.float32), mask, np.arange(24, dtype=np.int32))
    popularity = np.bincount(item[mask], minlength=ITEMS)
    return jax.tree.map(jnp.asarray, NextItem(rows, (rows,), (np.full((24, 1), -1, np.int32),), popularity))


def made(**overrides):
    config = cross_entropy.defaults()
    config.update({"width": 16, "batch_size": 24, "encoder": "gru", **overrides})
    config.optimizer.learning_rate = 0.02
    return cross_entropy.make(config, SequencesSpec(24, ITEMS, LENGTH - 1))


def measured(algorithm, params):
    count = rankings.counter(*algorithm.ranker, num_items=ITEMS, ks=(1, 3))
    return ranking_metrics.summary(count(params, chain().test[0]), ks=(1, 3))


@pytest.fixture(scope="module")
def fitted():
    algorithm = made(encoder="sasrec")
    state = loop.fit(algorithm.learner, algorithm.source, chain(), num_steps=150, steps_per_call=50)
    return algorithm, jax.tree.map(lambda x: jnp.asarray(np.asarray(x[0])), state.params)


def test_sasrec_learns_the_chain_and_ranks_it_first(fitted):
    algorithm, params = fitted
    found = measured(algorithm, params)
    assert found["HR@1"] > 0.98 and found["NDCG@3"] > 0.98 and found["CV_div@1"] == 1


def test_the_scorer_scores_a_history_as_the_evaluation_does(fitted):
    algorithm, params = fitted
    for length in (1, 3, 5):
        items = chain().train.item[4, :length]
        padded = jnp.zeros((1, 5), jnp.int32).at[0, 5 - length :].set(items)
        history = History(padded, jnp.ones((1, 5)), jnp.array([length]))
        scores = jax.jit(algorithm.scorer)(params, history)
        assert scores.shape == (1, ITEMS) and int(scores.argmax()) == (5 * int(items[-1]) + 3) % ITEMS


def test_items_of_long_sessions_are_ranked_from_the_last_ones(fitted):
    """A session twice as long as those of training: state t is that of its last five items alone."""
    algorithm, params = fitted
    item = jax.random.randint(jax.random.key(3), (2, 9), 0, ITEMS)
    ones, mask = jnp.ones((2, 9)), jnp.ones((2, 9), bool)
    states = jax.jit(algorithm.ranker.states)
    long = states(params, item, ones, mask)
    for last in (2, 4, 6, 8):
        start = max(last - 4, 0)
        short = states(params, *(x[:, start : last + 1] for x in (item, ones, mask)))[:, -1]
        np.testing.assert_allclose(long[:, last], short, atol=1e-5)
    positions = jnp.array([[8, 2], [4, 6]])
    some = jax.jit(algorithm.ranker.states_at)(params, item, ones, mask, positions)
    np.testing.assert_allclose(some, at_positions(long, positions), atol=1e-5)


@pytest.mark.parametrize("options", [{"targets": "one"}, {"num_negatives": 8}], ids=["one target", "sampled"])
def test_the_other_losses_learn_it_too(options):
    algorithm = made(**options)
    state = loop.fit(algorithm.learner, algorithm.source, chain(), num_steps=200, steps_per_call=100)
    params = jax.tree.map(lambda x: jnp.asarray(np.asarray(x[0])), state.params)
    assert measured(algorithm, params)["HR@1"] > 0.9


def test_the_loss_is_the_mean_over_real_targets():
    algorithm, data = made(encoder="average"), chain()
    state = algorithm.learner.init(jax.random.key(0))
    _, metrics = jax.jit(algorithm.learner.update)(state, data.train, jax.random.key(1))
    losses = []
    for row in range(24):
        for t in range(1, int(data.train.mask[row].sum())):
            items = data.train.item[row, :t]
            history = History(jnp.zeros((1, 5), jnp.int32).at[0, 5 - t :].set(items), jnp.ones((1, 5)), jnp.array([t]))
            losses.append((history, int(data.train.item[row, t])))
    histories = jax.tree.map(lambda *x: jnp.concatenate(x), *[history for history, _ in losses])
    scores = jax.jit(algorithm.scorer)(state.params, histories)
    label = jnp.array([target for _, target in losses])
    expected = catalogue.cross_entropy(scores, jnp.eye(ITEMS), None, label, jnp.ones(len(losses)))
    np.testing.assert_allclose(metrics["loss/next_item"], expected, rtol=1e-5)


def test_bad_settings_are_named():
    with pytest.raises(JaxrecError, match="targets is 'last': set it to one of all, one"):
        made(targets="last")
    with pytest.raises(JaxrecError, match="encoder is 'lstm': set it to one of average, caser"):
        made(encoder="lstm")
    with pytest.raises(JaxrecError, match="sequences of 1 items hold nothing to predict"):
        cross_entropy.make(cross_entropy.defaults(), SequencesSpec(24, ITEMS, 0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "algorithm.width is 0: set it to a whole number from 1 upward"),
        ({"batch_size": -1}, "algorithm.batch_size is -1"),
        ({"num_negatives": -1}, "algorithm.num_negatives is -1: set it to a whole number from 0 upward"),
        ({"encoder": "sasrec", "encoder_options": {"num_heads": 3}}, "'sasrec': width 16 does not split into 3 heads"),
        ({"encoder": "sasrec", "encoder_options": {"num_layers": 0}}, "encoder_options.num_layers is 0"),
        ({"encoder": "interactions"}, "encoder is 'interactions'.*gru, nextitnet, sasrec$"),
    ],
)
def test_numbers_that_cannot_be_are_named(settings, message):
    with pytest.raises(JaxrecError, match=message):
        made(**settings)

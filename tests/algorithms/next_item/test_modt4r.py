"""MODT4R: its loss by hand, who sees whom, ranking against a loop over prefixes, and what the knob asks for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.next_item import modt4r, objective_returns
from jaxrec.algorithms.next_item.motrans import MoTrans
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.models.history import History
from jaxrec.models.transformer import Transformer
from jaxrec.training import loop
from tests.algorithms.next_item.test_cross_entropy import ITEMS, LENGTH, chain, measured

TAIL = np.arange(ITEMS) % 3 > 0
VECTORS = np.random.default_rng(2).normal(size=(ITEMS, 3)).astype(np.float32)
VARIANTS = {
    "modt4r": {},
    "mrdt without L_S": {"return_first": True, "state_weight": 0.0},
    "item, two objectives": {"states": "item", "objectives": ("div", "acc")},
    "implicit": {"states": "implicit"},
}


def made(spec=None, vectors=VECTORS, **overrides):
    config = modt4r.defaults()
    config.update({"width": 16, "batch_size": 24, "num_layers": 1, "dropout": 0.0, **overrides})
    config.optimizer.learning_rate = 0.01
    return modt4r.make(config, spec or SequencesSpec(24, ITEMS, LENGTH - 1, tail=TAIL), vectors=vectors)


def one_seed(state):
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x[0])), state.params)


def histories(rows):
    """Each a list of items, newest last, in a window of its own."""
    window = LENGTH - 1
    item = np.zeros((len(rows), window), np.int32)
    for row, items in enumerate(rows):
        item[row, window - len(items) :] = items
    return History(jnp.asarray(item), jnp.ones(item.shape), jnp.array([len(items) for items in rows]))


@pytest.fixture(scope="module")
def fitted():
    algorithm = made()
    state = loop.fit(algorithm.learner, algorithm.source, chain(), num_steps=120, steps_per_call=60)
    return algorithm, one_seed(state)


def test_it_learns_the_chain(fitted):
    algorithm, params = fitted
    assert measured(algorithm, params)["HR@1"] > 0.95


def test_what_is_given_never_moves(fitted):
    _, params = fitted
    np.testing.assert_allclose(params["given"]["vectors"], VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True))
    np.testing.assert_array_equal(params["given"]["tail"], TAIL)
    assert params["inference"] == {"alpha": 1, "diversity": 1, "epsilon": 0.5, "ahead": 1}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_each_variant_ranks_as_each_prefix_alone_does(name):
    """Rows of 3, 5 and 9 items: a position sees no item after it, and no more than the last five."""
    algorithm, window = made(**VARIANTS[name]), LENGTH - 1
    item = np.random.default_rng(3).integers(0, ITEMS, (3, 9)).astype(np.int32)
    lengths = [3, 5, 9]
    positions = [(row, last) for row in range(3) for last in range(lengths[row])]
    apart = np.zeros((len(positions), 9), np.int32)
    for alone, (row, last) in zip(apart, positions, strict=True):
        seen = item[row, max(last - window + 1, 0) : last + 1]
        alone[: len(seen)] = seen
    lengths += [min(last + 1, window) for _, last in positions]
    rows = jnp.concatenate([item, apart])

    @jax.jit
    def run(key):
        state = algorithm.learner.init(key)
        mask = jnp.arange(9)[None] < jnp.array(lengths)[:, None]
        hidden = algorithm.ranker.states(state.params, rows, jnp.ones(rows.shape), mask)
        positions = jnp.array([[8, 0]] * len(rows))
        some = algorithm.ranker.states_at(state.params, rows, jnp.ones(rows.shape), mask, positions)
        scores = algorithm.ranker.scores(state.params, hidden.reshape(-1, hidden.shape[-1])).reshape(-1, 9, ITEMS)
        return scores, hidden[2, jnp.array([8, 0])], some[2]

    scores, *alike = run(jax.random.key(0))
    np.testing.assert_allclose(*alike, atol=1e-5)
    for alone, (row, last) in enumerate(positions, start=3):
        np.testing.assert_allclose(scores[row, last], scores[alone, lengths[alone] - 1], atol=1e-4)
    metrics = jax.eval_shape(
        lambda key: algorithm.learner.update(algorithm.learner.init(key), chain().train, key)[1], jax.random.key(0)
    )
    assert ("loss/state" in metrics) == (name == "modt4r")
    assert ("loss/returns" in metrics) == ("mrdt" not in name)


def network(**options):
    return MoTrans(Transformer(8, 1, 1), ITEMS, 4, 8, 3, **options)


@pytest.mark.parametrize("options", [{}, {"return_first": True}, {"states": "implicit"}], ids=["mo", "mrdt", "imp"])
def test_nothing_sees_its_own_target(options):
    """Gradients of each output at step 2 (from 0) with respect to each token, step by step."""
    motrans, key = network(**options), jax.random.key(0)
    encoded = jax.random.normal(key, (1, 4, 8))
    item = jnp.array([[1, 2, 3, 4]])
    values = jax.random.normal(key, (1, 4, 3))
    variables = jax.jit(motrans.init)(key, encoded, item, item + 1, values)
    tokens = motrans.apply(variables, encoded, item, item + 1, values, method="tokens")

    def seen(which):
        def output(tokens):  # not the plain sum, which the last norm makes 0 whatever comes in
            read = motrans.apply(variables, tokens, method="outputs")[which][0, 2]
            return read @ jnp.arange(1.0, 1.0 + read.shape[0])

        gradients = jax.jit(jax.grad(output))(tokens)
        return [[bool(np.abs(g[0, t]).max() > 1e-7) for t in range(4)] for g in gradients]

    *before, action = seen(0)
    assert all(token == [True, True, True, False] for token in before)
    assert action == [True, True, False, False], "neither its own action nor a later one"
    if "return_first" not in options:
        state, *given, action = seen(1)
        assert state == [True, True, True, False] and action == [True, True, False, False]
        assert all(token == [True, True, False, False] for token in given), "not the returns it predicts"


def test_an_implicit_state_knows_its_position_alone():
    motrans = network(states="implicit")
    item, values = jnp.array([[1, 2, 3, 4]]), jnp.zeros((1, 4, 3))
    variables = motrans.init(jax.random.key(0), None, item, item, values)

    def states(item):
        return motrans.apply(variables, None, item, jnp.ones_like(item), values, method="tokens")[0]

    other = states(jnp.array([[1, 9, 8, 7]]))
    np.testing.assert_array_equal(states(item), other)
    assert (states(jnp.array([[2, 2, 3, 4]]))[:, 0] != other[:, 0]).any()


def test_it_reports_how_often_logged_actions_meet_the_novelty_reward_of_ranking():
    """Actions 2, 1, 0, 2 with the tail {0, 2}, after shares of novel items of 0, 1, 1/2 and 2/3: the first is novel
    unrequested, the second is popular where a novel item is requested."""
    algorithm = made(SequencesSpec(1, 3, 4, tail=np.array([True, False, True])), np.eye(3, dtype=np.float32))
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    row = Sequences(jnp.array([[0, 2, 1, 0, 2]]), jnp.ones((1, 5)), jnp.ones((1, 5), bool), jnp.zeros(1, jnp.int32))
    for mask, met in (([1, 1, 1, 1, 1], 0.5), ([1, 1, 1, 1, 0], 1 / 3)):
        batch = row.replace(mask=jnp.array([mask], bool))
        _, metrics = jax.jit(algorithm.learner.update)(state, batch, jax.random.key(0))
        np.testing.assert_allclose(metrics["train/novelty_met"], met, rtol=1e-6)


@pytest.mark.parametrize(
    ("scaled", "squares"),
    # acc 2, 1; nov (actions 1, 2) 1, 1; div 1 + Sim(0) = 2, 1 + Sim(0, 1) = 1; scaled all are halved
    [(False, (1 + 1 + 4) + (0 + 1 + 1)), (True, (0 + 2.25 + 1) + (0.25 + 2.25 + 0.25))],
)
def test_the_loss_of_two_steps_by_hand(scaled, squares):
    """Everything at zero but the biases: logits are b, predicted returns c; items 0, 1, 2, of which 1 is popular."""
    vectors = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    spec = SequencesSpec(1, 3, 2, tail=np.array([True, False, True]))
    algorithm = made(spec, vectors, return_weight=0.5, scaled_returns=scaled)
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    params = jax.tree.map(jnp.zeros_like, state.params) | {k: state.params[k] for k in ("given", "inference")}
    params["action"]["bias"] = jnp.log(jnp.array([1.0, 2.0, 3.0]))
    params["motrans"]["return_head"]["bias"] = jnp.array([1.0, 2.0, 0.0])
    row = Sequences(jnp.array([[0, 1, 2]]), jnp.ones((1, 3)), jnp.ones((1, 3), bool), jnp.zeros(1, jnp.int32))
    _, metrics = jax.jit(algorithm.learner.update)(state.replace(params=params), row, jax.random.key(0))
    np.testing.assert_allclose(metrics["loss/action"], -(np.log(2 / 6) + np.log(3 / 6)) / 2, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/state"], np.log(3), rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/returns"], 0.5 * squares / 2, rtol=1e-5)


def test_inference_options_can_change_without_training(fitted):
    """alpha 0 leaves the decision transformer's scores alone; another lambda moves them."""
    algorithm, params = fitted
    score, seen = jax.jit(algorithm.scorer), histories([[4, 2]])

    def scores(**options):
        options = {name: jnp.asarray(value) for name, value in options.items()}
        return score(params | {"inference": params["inference"] | options}, seen)

    base, own = scores(alpha=0.0), scores(alpha=1.0) - scores(alpha=0.0)
    np.testing.assert_allclose(scores(alpha=2.0), base + 2 * own, atol=1e-4)
    assert float(jnp.abs(scores(diversity=3.0) - scores()).max()) > 1e-3


def test_bad_settings_are_named():
    with pytest.raises(JaxrecError, match="needs item vectors: name a next-item model's beside the data"):
        made(vectors=None)
    with pytest.raises(JaxrecError, match="which items are popular"):
        made(SequencesSpec(24, ITEMS, LENGTH - 1))
    with pytest.raises(JaxrecError, match="objectives is .*: set it to a list of some of acc, nov, div"):
        made(objectives=("acc", "serendipity"))
    with pytest.raises(JaxrecError, match="states is 'none'"):
        made(states="none")
    made(SequencesSpec(24, ITEMS, LENGTH - 1), None, objectives=("acc",))
    assert objective_returns.OBJECTIVES == ("acc", "nov", "div")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "algorithm.width is 0"),
        ({"batch_size": 0}, "algorithm.batch_size is 0"),
        ({"num_heads": 0}, "algorithm.num_heads is 0"),
        ({"num_heads": 3}, "algorithm.width 16 does not split into 3 heads"),
        ({"num_layers": 0}, "algorithm.num_layers is 0"),
        ({"dropout": float("nan")}, "algorithm.dropout is nan"),
        ({"return_weight": float("nan")}, "algorithm.return_weight is nan: set it to a finite number from 0 upward"),
        ({"state_weight": -1.0}, "algorithm.state_weight is -1.0"),
        ({"inference": {"diversity": float("inf")}}, "algorithm.inference.diversity is inf: set it to a finite number"),
        ({"optimizer": {"clip_norm": float("inf")}}, "optimizer.clip_norm is inf"),
    ],
)
def test_numbers_that_cannot_be_are_named(settings, message):
    with pytest.raises(JaxrecError, match=message):
        made(**settings)

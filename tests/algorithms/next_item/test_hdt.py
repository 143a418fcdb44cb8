"""HDT, InterDT and Hier: the loss by hand, who sees whom, and that earlier sessions decide what they alone can tell."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.next_item import hdt
from jaxrec.algorithms.next_item.intra_session import IntraDT
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.batches.user_sessions import Sessions
from jaxrec.evaluation import rankings
from jaxrec.models.transformer import Transformer
from jaxrec.training import loop

ITEMS, LENGTH = 8, 4
TAIL, VECTORS = np.arange(ITEMS) > 1, np.random.default_rng(2).normal(size=(ITEMS, 3)).astype(np.float32)
VARIANTS = {"hdt": {}, "inter": {"intra": False}, "hier": {"inter": "gru", "intra": False}}


def made(spec=None, vectors=VECTORS, **overrides):
    config = hdt.defaults()
    config.update({"width": 16, "batch_size": 16, "encoder": "gru", "dropout": 0.0, "num_sessions": 3, **overrides})
    config.optimizer.learning_rate = 0.02
    return hdt.make(config, spec or SequencesSpec(16, ITEMS, LENGTH - 1, tail=TAIL), vectors=vectors)


def habits() -> NextItem:
    """A first session with 0 and 1, or with 2 and 3; in later ones 4 leads to 5, or to 6."""
    rows, users = [], []
    for user in range(16):
        kind = user % 2
        rows += [[2 * kind, 2 * kind + 1, 2 * kind, 2 * kind + 1], *[[4, 5 + kind, 5 + kind, 5 + kind]] * 2]
        users += [user] * 3
    train = Sequences(jnp.array(rows), jnp.ones((48, 4)), jnp.ones((48, 4), bool), jnp.array(users))
    test = Sequences(jnp.array([[4, 5], [4, 6]]), jnp.ones((2, 2)), jnp.ones((2, 2), bool), jnp.arange(2))
    return NextItem(train, (test,), (jnp.full((2, 1), -1),), jnp.ones(ITEMS, jnp.int32))


@pytest.mark.parametrize("name", list(VARIANTS))
def test_earlier_sessions_decide(name):
    """Both test sessions begin with the same item; what comes next only their users' past can tell."""
    algorithm, data = made(**VARIANTS[name]), habits()
    state = loop.fit(algorithm.learner, algorithm.source, data, num_steps=100, steps_per_call=50)
    params = jax.tree.map(lambda x: jnp.asarray(np.asarray(x[0])), state.params)
    count = rankings.counter(*algorithm.ranker, num_items=ITEMS, ks=(1,))
    assert int(count(params, data.test[0], None, data.train).hit[:, 0].sum()) == 2

    def known(feedback):
        return algorithm.ranker.context(params, data.train.replace(feedback=feedback), jnp.arange(3))

    contexts, gradient = jax.jit(lambda f: (known(f), jax.grad(lambda f: (known(f)[0] ** 2).sum())(f)))(
        data.train.feedback
    )
    np.testing.assert_allclose(contexts[0], contexts[2], atol=1e-5)  # alike pasts, and nobody sees another's
    assert float(jnp.abs(contexts[0] - contexts[1]).max()) > 1e-3
    assert not gradient.any(), "no gradient passes from one session to an earlier one"


def test_what_ranks_adds_probabilities_and_not_logits():
    """Of three items the first is sure by one model and out of the question by the other; sums of logits would tie."""
    spec = SequencesSpec(16, 3, LENGTH - 1, tail=np.ones(3, bool))
    algorithm = made(spec, np.eye(3, dtype=np.float32), width=1)
    params = {
        "output": {"table": jnp.array([[3.0], [0.0], [0.0]]), "bias": jnp.zeros(3)},
        "action": {"table": jnp.array([[-3.0], [0.0], [0.0]]), "bias": jnp.zeros(3)},
    }
    first = np.exp([3, 0, 0]) / np.exp([3, 0, 0]).sum()
    second = np.exp([-3, 0, 0]) / np.exp([-3, 0, 0]).sum()
    scores = algorithm.ranker.scores(params, jnp.ones((1, 2)))
    np.testing.assert_allclose(scores[0], first + second, rtol=1e-6)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_position_sees_the_items_up_to_it_alone(name):
    algorithm = made(**VARIANTS[name])
    item = jnp.array([[1, 2, 3, 4, 5], [1, 2, 3, 0, 0], [3, 4, 5, 0, 0]])
    mask = jnp.arange(5)[None] < jnp.array([5, 3, 3])[:, None]

    @jax.jit
    def run(key):
        params = algorithm.learner.init(key).params
        goal = algorithm.ranker.context(params, habits().train, jnp.zeros(3, jnp.int32))
        rows = (item, jnp.ones(item.shape), mask)
        some = algorithm.ranker.states_at(params, *rows, jnp.array([[4], [2], [0]]), goal)
        return algorithm.ranker.states(params, *rows, goal), some

    states, some = run(jax.random.key(0))
    np.testing.assert_allclose(some[:, 0], states[jnp.arange(3), jnp.array([4, 2, 0])], atol=1e-5)
    np.testing.assert_allclose(states[0, :3], states[1, :3], atol=1e-5)
    np.testing.assert_allclose(states[0, 4], states[2, 2], atol=1e-5)  # the last three are what it sees


def test_the_decoder_inside_a_session_sees_no_target():
    intra, key = IntraDT(Transformer(8, 1, 1), ITEMS, 4, 8), jax.random.key(0)
    goal, state, novelty = jax.random.normal(key, (1, 8)), jax.random.normal(key, (1, 4, 8)), jnp.ones((1, 4))
    item = jnp.array([[1, 2, 3, 4]])
    variables = jax.jit(intra.init)(key, goal, novelty, state, item)
    tokens = intra.apply(variables, goal, novelty, state, item, method="tokens")

    def seen(which):
        def output(tokens):
            read = intra.apply(variables, tokens, method="outputs")[which][0, 2]
            return read @ jnp.arange(1.0, 9.0) if read.ndim else read

        return [[bool(np.abs(g[0, t]).max() > 1e-7) for t in range(4)] for g in jax.jit(jax.grad(output))(tokens)]

    upto, before = [True, True, True, False], [True, True, False, False]
    assert seen(0) == [upto, upto, upto, before]  # the goal, R^n and the state; not the action itself
    assert seen(1) == [upto, before, before, before]


def test_the_loss_of_two_sessions_by_hand():
    """Everything at zero but the biases; items 0, 1, 2 point right, up, left."""
    vectors = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    spec = SequencesSpec(1, 3, 3, tail=np.array([False, True, True]))
    algorithm = made(spec, vectors, return_weight=0.5, action_weight=2.0, goal_weight=3.0)
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    assert float(state.params["given"]["largest"]) == 2.0  # left against right
    params = jax.tree.map(jnp.zeros_like, state.params) | {"given": state.params["given"]}
    for role, odds in (("output", (1, 2, 3)), ("goal", (2, 1, 1)), ("action", (1, 1, 2))):
        params[role]["bias"] = jnp.log(jnp.array(odds, jnp.float32))
    params["intra"]["return_head"]["bias"] = jnp.array([0.5])
    item = jnp.array([[[0, 1, 2, 1], [1, 0, 0, 0]]])
    mask = jnp.array([[[True, True, True, True], [True, True, False, False]]])
    sessions = Sessions(item, jnp.ones(item.shape), mask, jnp.ones((1, 2), bool))
    _, metrics = jax.jit(algorithm.learner.update)(state.replace(params=params), sessions, jax.random.key(0))
    # targets 1, 2, 1 and 0
    np.testing.assert_allclose(metrics["loss/next_item"], -np.log(2 / 6 * 3 / 6 * 2 / 6 * 1 / 6) / 4, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/action"], -2 * np.log(1 / 4 * 2 / 4 * 1 / 4 * 1 / 4) / 4, rtol=1e-5)
    np.testing.assert_allclose(metrics["loss/goal"], -3 * np.log(2 / 4 * 1 / 4) / 2, rtol=1e-5)
    # dis of right; right, up; right, up, left; the whole session: 0, 1, 1 + 1/3, 1; of the second session: 0, 1
    expected = [(1 - 0.5) ** 2, (0 - 0.5) ** 2, (-1 / 3 - 0.5) ** 2, (1 - 0.5) ** 2]
    np.testing.assert_allclose(metrics["loss/returns"], 0.5 * np.mean(expected), rtol=1e-5)


def test_bad_settings_are_named():
    with pytest.raises(JaxrecError, match="needs popular items and item vectors"):
        made(SequencesSpec(16, ITEMS, LENGTH - 1))
    with pytest.raises(JaxrecError, match="needs popular items and item vectors"):
        made(vectors=None)
    with pytest.raises(JaxrecError, match="inter is 'lstm'"):
        made(inter="lstm")
    with pytest.raises(JaxrecError, match="intra needs the goal return"):
        made(inter="gru")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "algorithm.width is 0"),
        ({"batch_size": 0}, "algorithm.batch_size is 0"),
        ({"num_sessions": 0}, "algorithm.num_sessions is 0"),
        ({"num_heads": 3}, "algorithm.width 16 does not split into 3 heads"),
        ({"num_layers": 0}, "algorithm.num_layers is 0"),
        ({"dropout": 1.5}, "algorithm.dropout is 1.5: set it to 0 or more and below 1"),
        ({"goal_weight": float("inf")}, "algorithm.goal_weight is inf"),
        ({"action_weight": -0.5}, "algorithm.action_weight is -0.5"),
        ({"encoder": "sasrec", "encoder_options": {"num_heads": 3}}, "'sasrec': width 16 does not split into 3 heads"),
    ],
)
def test_numbers_that_cannot_be_are_named(settings, message):
    with pytest.raises(JaxrecError, match=message):
        made(**settings)

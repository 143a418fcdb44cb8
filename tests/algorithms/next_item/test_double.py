"""Two networks that learn in turn: the coin, double Q-learning against dense numpy, and fixed points that are known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec import algorithms
from jaxrec.algorithms.next_item import double, supervised, value_terms
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.evaluation import ranking_metrics, rankings
from jaxrec.models.history import at_positions
from jaxrec.training import loop, optimizers

ITEMS, LENGTH = 12, 6
NEGATIVES = 3
TAIL = np.arange(ITEMS) >= ITEMS // 2
VECTORS = np.random.default_rng(5).normal(size=(ITEMS, 3)).astype(np.float32)


def chain(left: int = 0) -> NextItem:
    """After item i always comes 5 i + 3 (mod 12), never i itself; full rows are cut from sessions that go on."""
    item = np.zeros((24, LENGTH), np.int32)
    item[:, 0] = np.arange(24) % ITEMS
    for t in range(1, LENGTH):
        item[:, t] = (5 * item[:, t - 1] + 3) % ITEMS
    count = np.full(24, LENGTH) if left else 2 + np.arange(24) % 5
    mask = np.arange(LENGTH)[None] < count[:, None]
    feedback = np.where(mask, 1.0 if left else 0.2 + 0.8 * (item % 2), 0.0).astype(np.float32)
    after = np.where(count == LENGTH, left or 7, 0).astype(np.int32)
    rows = Sequences(item * mask, feedback, mask, np.arange(24, dtype=np.int32), after)
    return jax.tree.map(
        jnp.asarray, NextItem(rows, (rows,), (np.full((24, 1), -1, np.int32),), np.full(ITEMS, 1, np.int32))
    )


def made(name: str, spec: SequencesSpec | None = None, vectors=None, **overrides):
    module = algorithms.load(f"next_item.{name}")
    config = module.defaults()
    small = {"width": 16, "batch_size": 24, "encoder": "average", "num_negatives": NEGATIVES}
    config.update({leaf: value for leaf, value in small.items() if leaf in config} | overrides)
    config.optimizer.learning_rate = 0.02
    beside = {"vectors": VECTORS if vectors is None else vectors} if name in ("smorl", "smonac") else {}
    return module.make(config, spec or SequencesSpec(24, ITEMS, LENGTH - 1, tail=TAIL), **beside)


def network(seed: int, heads: int):
    """(model, one network's parameters)."""
    config = supervised.defaults()
    config.update({"width": 16, "encoder": "average"})
    model = supervised.softmax_model(config, SequencesSpec(24, ITEMS, LENGTH - 1))
    keys = jax.random.split(jax.random.key(seed), 3)
    head = {
        "table": jax.random.normal(keys[1], (ITEMS, heads, 16)),
        "bias": jax.random.normal(keys[2], (ITEMS, heads)),
    }
    return model, model.init(keys[0]) | {"values": head}


def dense(params, model, rows) -> tuple[np.ndarray, np.ndarray]:
    """(states [B, L, D], values of all items and heads [B, L, A, C])."""
    hidden = np.asarray(model.states(params, rows.item[:, :-1], rows.feedback[:, :-1], rows.mask[:, :-1]))
    table, bias = (np.asarray(params["values"][leaf]) for leaf in ("table", "bias"))
    return hidden, np.einsum("bld,acd->blac", hidden, table) + bias


def test_the_learning_network_chooses_and_the_other_evaluates_the_choice():
    weights, rows = (0.5, 2.0), chain().train
    (model, learning), (_, other) = network(0, 2), network(1, 2)
    batch = double.double_q_batch(model, (learning, other), rows, None, weights=weights, reward="feedback")
    _, chosen_by = dense(learning, model, rows)
    _, valued_by = dense(other, model, rows)
    best = (chosen_by @ np.array(weights)).argmax(-1)
    here = np.take_along_axis(valued_by, best[..., None, None], 2)[:, :, 0]
    np.testing.assert_allclose(batch.best_value, here.reshape(-1, 2), rtol=1e-4, atol=1e-5)
    known = np.asarray(batch.transitions.known & ~batch.transitions.ended).reshape(24, -1)
    assert known.any() and not known[:, -1].any()
    after = batch.next_best_value.reshape(24, LENGTH - 1, 2)
    np.testing.assert_allclose(after[:, :-1][known[:, :-1]], here[:, 1:][known[:, :-1]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "heads"), [("snqn", 1), ("smonac", 3)])
def test_values_start_as_small_as_glorot_s_bound_says_whatever_the_heads(name, heads):
    spec = SequencesSpec(24, 500, LENGTH - 1, tail=np.arange(500) >= 250)
    params = made(name, spec, np.ones((500, 3), np.float32)).learner.init(jax.random.key(0)).params
    for each in double.NETWORKS:
        table, bound = params[each]["values"]["table"], np.sqrt(6 / (500 + 16))
        assert table.shape == (500, heads, 16)
        assert 0.99 * bound < abs(table).max() <= bound and abs(table.mean()) < 0.02 * bound


def test_one_position_of_each_row_is_evaluated_as_among_all():
    rows = chain().train
    (model, learning), (_, other) = network(0, 1), network(1, 1)
    position = (jnp.arange(24) % jnp.maximum(rows.mask.sum(1) - 1, 1))[:, None]
    everything = double.double_q_batch(model, (learning, other), rows, None, weights=(1.0,), reward="one")
    one = double.double_q_batch(model, (learning, other), rows, position, weights=(1.0,), reward="one")
    at = jax.tree.map(lambda x: at_positions(x.reshape(24, LENGTH - 1, *x.shape[1:]), position)[:, 0], everything[1:])
    known = at[1].known & ~at[1].ended
    for mine, expected in zip(jax.tree.leaves(one[1:3]), jax.tree.leaves(at[:2]), strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-5)
    np.testing.assert_allclose(one.best_value, at[2], atol=1e-5)
    np.testing.assert_allclose(one.next_best_value[known], at[3][known], atol=1e-5)


def oracle(name: str, params, model, rows, negatives, warm: bool) -> dict[str, float]:
    """The losses of the first network, row by row, position by position."""
    own, other = params["first"], params["second"]
    hidden, q = dense(own, model, rows)
    _, q_other = dense(other, model, rows)
    scores = np.asarray(model.scores(own, jnp.asarray(hidden.reshape(-1, 16)))).reshape(*hidden.shape[:2], ITEMS)
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    negatives = negatives.reshape(*hidden.shape[:2], NEGATIVES)
    found = {"next_item": [], "value": [], "negative": []}
    for b, count in enumerate(np.asarray(rows.mask.sum(1))):
        for t in range(count - 1):
            previous, action = int(rows.item[b, t]), int(rows.item[b, t + 1])
            reward = [float(rows.feedback[b, t + 1])]
            if name == "smonac":
                shown = scores[b, t].argmax()
                reward += [1 - unit[previous] @ unit[shown], float(TAIL[shown])]
            others = [int(a) for a in negatives[b, t] if a != action]
            best = lambda u, b=b: q_other[b, u, q[b, u].sum(-1).argmax()]  # noqa: E731
            last, over = t == count - 2, int(rows.left[b]) == 0
            if not last or over:
                target = np.array(reward) + (0.0 if last else 0.5 * best(t + 1))
                found["value"].append(np.square(target - q[b, t, action]).sum() / 2)
            found["negative"].append(sum(np.square(0.5 * best(t) - q[b, t, a]).sum() / 2 for a in others))
            advantage = q[b, t, action, 0] - np.mean([q[b, t, a, 0] for a in [action, *others]])
            weight = np.clip(advantage, 0, 10) if warm else 1.0
            found["next_item"].append(weight * (np.log(np.exp(scores[b, t]).sum()) - scores[b, t, action]))
    return {term: np.mean(values) for term, values in found.items()}


@pytest.mark.parametrize(("name", "step"), [("snqn", 0), ("sa2c", 0), ("sa2c", 1), ("smonac", 0)])
def test_losses_are_those_counted_position_by_position(name, step, monkeypatch):
    negatives = np.random.default_rng(0).integers(0, ITEMS, (24 * (LENGTH - 1), NEGATIVES)).astype(np.int32)
    assert (negatives == np.asarray(chain().train.item[:, 1:]).reshape(-1, 1)).any()
    monkeypatch.setattr(value_terms, "sample_negatives", lambda *given: jnp.asarray(negatives))
    monkeypatch.setattr(jax.random, "bernoulli", lambda key: jnp.bool_(True))
    algorithm = made(name, **({"warmup_steps": 1} if name == "sa2c" else {}))
    state = algorithm.learner.init(jax.random.key(0)).replace(loop_step=jnp.int32(step))
    _, metrics = jax.jit(algorithm.learner.update)(state, chain().train, jax.random.key(1))
    expected = oracle(name, state.params, network(0, 1)[0], chain().train, negatives, warm=name == "sa2c" and step == 1)
    for term, value in expected.items():
        np.testing.assert_allclose(metrics[f"loss/{term}"], value, rtol=1e-4, err_msg=term)


def test_the_coin_s_network_learns_and_the_other_stands_still_with_its_moments():
    algorithm, rows = made("sqn"), chain().train
    update, state = jax.jit(algorithm.learner.update), algorithm.learner.init(jax.random.key(0))
    order = []
    for step in range(8):
        after, metrics = update(state, rows, jax.random.key(step))
        moved = [
            any((x != y).any() for x, y in zip(*map(jax.tree.leaves, (old, new)), strict=True))
            for old, new in zip(
                (*(state.params[name] for name in double.NETWORKS), *state.opt_state),
                (*(after.params[name] for name in double.NETWORKS), *after.opt_state),
                strict=True,
            )
        ]
        assert moved[:2] == moved[2:] and sum(moved[:2]) == 1
        order.append(moved.index(True))
        state = after
    assert set(order) == {0, 1}


def test_the_idle_network_stands_still_where_the_drawn_one_has_no_gradient_at_all():
    """Momentum carries the drawn one on; a gradient of zero must not be read as the coin's choice."""
    params = {f"{name}/kernel": jnp.ones(1) for name in double.NETWORKS}
    config = optimizers.defaults()
    config.update({"name": "sgd", "b1": 0.5, "learning_rate": 1.0})
    tx, moves = double.in_turn(optimizers.make(config)), []
    state = tx.init(params)
    for coin, gradient in ((True, 1.0), (False, 4.0), (True, 0.0), (False, 0.0)):
        gradients = {path: gradient * x for path, x in params.items()}  # the idle one's must not count either
        updates, after = tx.update(gradients, state, params, coin=jnp.bool_(coin), step=jnp.int32(0))
        moves.append([float(updates[path][0]) for path in params])
        idle = int(coin)
        jax.tree.map(np.testing.assert_array_equal, after[idle], state[idle])
        state = after
    np.testing.assert_allclose(moves, [[-1, 0], [0, -4], [-0.5, 0], [0, -2]])


def test_sa2c_steps_anew_at_its_lower_rate_after_the_warm_up(monkeypatch):
    """Adam's first step is its rate, whatever the gradient."""
    monkeypatch.setattr(jax.random, "bernoulli", lambda key: jnp.bool_(True))
    algorithm, rows = made("sa2c", warmup_steps=3, warm_factor=0.2), chain().train
    update, state, largest = jax.jit(algorithm.learner.update), algorithm.learner.init(jax.random.key(0)), []
    for step in range(4):
        after, _ = update(state, rows, jax.random.key(step))
        moved = jax.tree.map(lambda new, old: jnp.abs(new - old).max(), after.params, state.params)
        largest.append(float(jnp.stack(jax.tree.leaves(moved)).max()))
        state = after
    rate = largest[0]
    np.testing.assert_allclose(largest[3], 0.2 * rate, rtol=1e-3)
    assert max(largest[1:3]) > 0.5 * rate


def test_no_gradient_reaches_the_other_network():
    def total(params):
        learning, other = double.learning_and_other(params, jnp.bool_(False))
        return learning["x"] ** 2 * other["x"]

    first, second = (
        jax.grad(total)({"first": {"x": 3.0}, "second": {"x": 5.0}})[name]["x"] for name in double.NETWORKS
    )
    assert (first, second) == (0.0, 30.0)


@pytest.fixture(scope="module")
def fitted():
    """SMONAC where each item is rewarded with 1 by two heads and 0 by the third, and no session ends."""
    spec = SequencesSpec(24, ITEMS, LENGTH - 1, tail=np.zeros(ITEMS, bool))
    algorithm = made("smonac", spec, np.eye(ITEMS, dtype=np.float32), encoder="gru")
    state = loop.fit(algorithm.learner, algorithm.source, chain(left=9), num_steps=400, steps_per_call=200)
    return algorithm, jax.tree.map(lambda x: jnp.asarray(np.asarray(x[0])), state.params)


def test_the_supervised_head_learns_what_comes_next(fitted):
    algorithm, params = fitted
    count = rankings.counter(*algorithm.ranker, num_items=ITEMS, ks=(1,))
    assert ranking_metrics.summary(count(params, chain(left=9).test[0]), ks=(1,))["HR@1"] > 0.95


def test_values_come_to_their_fixed_point(fitted):
    """Q(s, a+) = 1 / (1 - 0.5), and half of that for what is not taken, for it leaves the user where he is."""
    algorithm, params = fitted
    rows = chain(left=9).train
    hidden = algorithm.ranker.states(params, rows.item[:, :-1], rows.feedback[:, :-1], rows.mask[:, :-1])
    everything = jnp.broadcast_to(jnp.arange(ITEMS), (*hidden.shape[:2], ITEMS))
    q = double.action_values(params["first"]["values"], hidden, everything)
    taken = np.asarray(everything == rows.item[:, 1:, None])
    np.testing.assert_allclose(np.asarray(q)[taken].mean(0), [2.0, 2.0, 0.0], atol=0.15)
    np.testing.assert_allclose(np.asarray(q)[~taken].mean(0), [1.0, 1.0, 0.0], atol=0.15)


def test_no_array_of_rows_by_items_is_made():
    items, rows = 20_000, 512
    algorithm = made("sa2c", SequencesSpec(rows, items, 9), width=4)
    shape = lambda kind: jax.ShapeDtypeStruct((rows, 10), kind)  # noqa: E731
    batch = Sequences(shape(jnp.int32), shape(jnp.float32), shape(bool), jax.ShapeDtypeStruct((rows,), jnp.int32))
    state = jax.eval_shape(algorithm.learner.init, jax.random.key(0))
    compiled = jax.jit(algorithm.learner.update).lower(state, batch, jax.random.key(0)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < rows * 9 * items


def test_what_cannot_be_told_is_refused_in_one_line():
    bare = SequencesSpec(24, ITEMS, LENGTH - 1)
    for name in ("smorl", "smonac"):
        module = algorithms.load(f"next_item.{name}")
        with pytest.raises(JaxrecError, match="needs item vectors.*`vectors`"):
            module.make(module.defaults(), bare)
        with pytest.raises(JaxrecError, match="which items few know"):
            made(name, bare)
        with pytest.raises(JaxrecError, match=r"weights is \(1.0, 1.0\)"):
            made(name, weights=(1.0, 1.0))
    for name, setting, message in (
        ("sqn", {"reward": "clicks"}, "reward is 'clicks'"),
        ("snqn", {"num_negatives": 0}, "num_negatives is 0"),
        ("snqn", {"negative_reward": float("nan")}, "negative_reward is nan"),
        ("sa2c", {"warmup_steps": -1}, "warmup_steps is -1"),
        ("sa2c", {"warm_factor": 0.0}, "warm_factor is 0"),
        ("sa2c", {"highest_advantage": float("nan")}, "highest_advantage is nan: set it to a finite number above 0"),
        ("sqn", {"value_weight": float("nan")}, "value_weight is nan"),
        ("sqn", {"discount": float("nan")}, "discount is nan"),
        ("sqn", {"batch_size": 0}, "batch_size is 0"),
        (
            "smorl",
            {"weights": (1.0, float("nan"), 1.0)},
            r"weights is \(1.0, nan, 1.0\): set it to a finite",
        ),
        ("sqn", {"targets": "last"}, "targets is 'last'"),
    ):
        with pytest.raises(JaxrecError, match=message):
            made(name, bare, **setting)

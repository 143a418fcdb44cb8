import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.training.learner import from_loss, join, partition, repeated, split


def _init(key):
    del key
    return {"actor": {"kernel": jnp.array([2.0])}, "critic": {"kernel": jnp.array([3.0])}}


def _loss(params, batch, key):
    del key
    a, c = params["actor"]["kernel"][0], params["critic"]["kernel"][0]
    return {"actor": a**2 * batch, "critic": (c - 1) ** 2}, {"train/a": a}


def _loss_with_targets(params, target_params, batch, key):
    assert target_params.keys() == {"critic"}
    return _loss(params, batch, key)


def test_one_sgd_step_by_hand():
    learner = from_loss(_init, _loss_with_targets, optax.sgd(0.1), target_keys=("critic",), target_update_rate=0.5)
    state, metrics = learner.update(learner.init(jax.random.key(0)), jnp.float32(0.5), jax.random.key(1))
    # d/da 0.5 a^2 = 2 -> a = 2 - 0.2; d/dc (c - 1)^2 = 4 -> c = 3 - 0.4; the copy moves half way from 3 to 2.6.
    np.testing.assert_allclose(state.params["actor"]["kernel"], [1.8], rtol=1e-6)
    np.testing.assert_allclose(state.params["critic"]["kernel"], [2.6], rtol=1e-6)
    np.testing.assert_allclose(state.target_params["critic"]["kernel"], [2.8], rtol=1e-6)
    assert int(state.step) == 1 and state.step.dtype == jnp.int32
    np.testing.assert_allclose(metrics["loss/actor"], 2.0)
    np.testing.assert_allclose(metrics["loss/total"], 6.0)
    np.testing.assert_allclose(metrics["optimizer/gradient_norm"], np.hypot(2, 4), rtol=1e-6)


def test_a_loss_is_handed_its_schedules_at_the_step_it_takes():
    def loss(params, batch, key, *, share):
        terms, _ = _loss(params, batch, key)
        return {name: share * term for name, term in terms.items()}, {"train/share": share}

    learner = from_loss(_init, loss, optax.sgd(0.1), schedules={"share": lambda step: jnp.where(step < 2, 0.0, 1.0)})
    state = learner.init(jax.random.key(0))
    for expected in (0.0, 0.0, 1.0):
        assert state.params["actor"]["kernel"] == 2.0
        state, metrics = learner.update(state, jnp.float32(0.5), jax.random.key(1))
        assert metrics["train/share"] == expected
    np.testing.assert_allclose(state.params["actor"]["kernel"], [1.8], rtol=1e-6)


def test_loss_and_optimizer_are_handed_the_same_draws_and_the_step():
    told = {}

    def loss(params, batch, key, *, share):
        told["key"] = key
        return {"l": params["actor"]["kernel"][0]}, {"train/share": share}

    def update(updates, state, params=None, *, step, share):
        return jax.tree.map(lambda g: -share * (1 + step) * g, updates), state

    tx = optax.GradientTransformationExtraArgs(lambda params: (), update)
    draw = lambda key: {"share": jax.random.uniform(key)}  # noqa: E731
    learner = from_loss(_init, loss, tx, draw=draw, frozen=("critic/",))
    state, expected = learner.init(jax.random.key(0)), 2.0
    for step in range(3):
        key = jax.random.key(step)
        state, metrics = learner.update(state, None, key)
        assert metrics["train/share"] == jax.random.uniform(key) and told["key"] is key
        expected -= float(metrics["train/share"]) * (1 + step)
        np.testing.assert_allclose(state.params["actor"]["kernel"], [expected], rtol=1e-5)


def test_frozen_parameters_have_no_gradient_and_no_optimizer_state():
    learner = from_loss(_init, _loss, optax.adam(0.1), frozen=("actor/",))
    state, _ = learner.update(learner.init(jax.random.key(0)), jnp.float32(1.0), jax.random.key(1))
    np.testing.assert_array_equal(state.params["actor"]["kernel"], [2.0])
    assert state.params["critic"]["kernel"][0] != 3.0
    held = {jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(state.opt_state)}
    assert held and not any("actor" in path for path in held)


def test_frozen_parameters_cost_no_gradient_flops():
    def init(key):
        return {"big": {"kernel": jnp.ones((256, 256))}, "head": {"kernel": jnp.ones((256, 1))}}

    def loss(params, batch, key):
        return {"l": jnp.sum(batch @ params["big"]["kernel"] @ params["head"]["kernel"])}, {}

    def flops(frozen):
        learner = from_loss(init, loss, optax.sgd(0.1), frozen=frozen)
        args = learner.init(jax.random.key(0)), jnp.ones((64, 256)), jax.random.key(1)
        return jax.jit(learner.update).lower(*args).compile().cost_analysis()["flops"]

    forward = 2 * 64 * 256 * 256
    assert flops(("big/",)) < 1.2 * forward < 1.8 * forward < flops(())


def test_partition_names_what_does_not_fit():
    params = _init(None)
    trainable, held = partition(params, ("critic/.*",))
    assert set(trainable) == {"actor/kernel"} and set(held) == {"critic/kernel"}
    assert jax.tree.structure(join(trainable, held)) == jax.tree.structure(params)
    with pytest.raises(JaxrecError, match="matches no parameter"):
        partition(params, ("backbone/",))
    with pytest.raises(JaxrecError, match="no parameter to train"):
        partition(params, (".*",))


def test_target_copies_move_only_when_they_are_due():
    learner = from_loss(_init, _loss_with_targets, optax.sgd(0.1), target_keys=("critic",), target_update_every=2)
    first, _ = learner.update(learner.init(jax.random.key(0)), jnp.float32(1.0), jax.random.key(1))
    second, _ = learner.update(first, jnp.float32(1.0), jax.random.key(1))
    np.testing.assert_array_equal(first.target_params["critic"]["kernel"], [3.0])
    np.testing.assert_array_equal(second.target_params["critic"]["kernel"], second.params["critic"]["kernel"])


def test_repeated_updates_are_the_updates_one_by_one():
    one = from_loss(_init, _loss, optax.sgd(0.1))
    batch = jnp.array([[0.5], [2.0], [1.0]])[:, 0]
    prepared = lambda params, batch, key: batch + params["actor"]["kernel"] * 0  # noqa: E731
    state, metrics = repeated(one, prepared).update(one.init(jax.random.key(0)), batch, jax.random.key(1))
    by_hand, totals = one.init(jax.random.key(0)), []
    for part in batch:
        by_hand, reported = one.update(by_hand, part, jax.random.key(2))
        totals.append(reported["loss/total"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), state.params, by_hand.params)
    np.testing.assert_allclose(metrics["loss/total"], np.mean(totals), rtol=1e-6)
    assert int(state.step) == 3 and int(state.loop_step) == 1


def test_split_keeps_every_row_once():
    parts = split(3)(None, {"x": jnp.arange(12).reshape(6, 2)}, None)
    np.testing.assert_array_equal(parts["x"].reshape(6, 2), np.arange(12).reshape(6, 2))
    assert parts["x"].shape == (3, 2, 2)

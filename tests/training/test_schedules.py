"""A rate that decays to zero over the run does so by the steps of the loop, whatever a learner does inside one.

The gradient is 1 everywhere and the optimizer plain descent, so that a parameter moves by the rate. Over four steps a
cosine has the rates (1 + cos(pi k / 4)) / 2.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxrec.algorithms.next_item import double
from jaxrec.training import loop, optimizers, sources
from jaxrec.training.learner import from_loss, repeated, split

STEPS = 4
RATES = np.array([1.0, 0.8535534, 0.5, 0.1464466])


def optimizer(**leaves):
    config = optimizers.defaults()
    config.update({"name": "sgd", "b1": 0.0, "learning_rate": 1.0, "decay_steps": STEPS} | leaves)
    return optimizers.make(config)


def linear(tx, **options):
    """A learner of one number per network whose gradient is 1."""

    def loss_fn(params, batch, key, **named):
        return {"sum": params["first"]["kernel"][0] + params["second"]["kernel"][0] + 0.0 * batch.sum()}, {}

    zero = {name: {"kernel": jnp.zeros(1)} for name in double.NETWORKS}
    return from_loss(lambda key: zero, loss_fn, tx, **options)


def moves(learner, rows: int = 1) -> np.ndarray:
    """[STEPS, 2], how far each step of the loop moves the two parameters."""
    update, state, path = jax.jit(learner.update), learner.init(jax.random.key(0)), []
    for step in range(STEPS):
        after, _ = update(state, jnp.zeros(rows), jax.random.key(step))
        path.append([float(state.params[n]["kernel"][0] - after.params[n]["kernel"][0]) for n in double.NETWORKS])
        state = after
    assert int(state.loop_step) == STEPS and int(state.step) == STEPS * rows
    return np.array(path)


def test_one_update_a_step():
    np.testing.assert_allclose(moves(linear(optimizer())), RATES[:, None] * [1, 1], rtol=1e-5)


def test_a_repeated_learner_keeps_its_rate_within_a_step():
    learner = repeated(linear(optimizer()), split(3))
    np.testing.assert_allclose(moves(learner, rows=3), 3 * RATES[:, None] * [1, 1], rtol=1e-5)


def test_repeated_within_repeated_is_still_one_step():
    learner = repeated(repeated(linear(optimizer()), split(2)), split(2))
    np.testing.assert_allclose(moves(learner, rows=4), 4 * RATES[:, None] * [1, 1], rtol=1e-5)


@pytest.mark.parametrize(("rows", "taken"), [(1, [0, 1, 0, 1]), (4, [2, 2, 2, 2])])
def test_a_group_that_steps_at_every_second_update_does_not_fall_behind(rows, taken):
    groups = {"delayed": {"pattern": "first/", "every": 2}, "rest": {"pattern": ".*"}}
    learner = linear(optimizer(groups=groups))
    found = moves(repeated(learner, split(rows)) if rows > 1 else learner, rows)
    np.testing.assert_allclose(found, np.stack([RATES * taken, RATES * rows], 1), rtol=1e-5, atol=1e-7)


def test_two_networks_by_a_coin_share_the_schedule():
    learner = linear(double.in_turn(optimizer()), draw=lambda key: {"coin": jax.random.bernoulli(key)})
    coins = np.array([bool(jax.random.bernoulli(jax.random.key(step))) for step in range(STEPS)])
    assert 0 < coins.sum() < STEPS
    np.testing.assert_allclose(moves(learner), np.stack([RATES * coins, RATES * ~coins], 1), rtol=1e-5, atol=1e-7)


def test_a_restart_begins_the_schedule_anew():
    found = moves(linear(optimizers.restarted(optimizer(), 2, 0.5)))
    np.testing.assert_allclose(found[:, 0], [RATES[0], RATES[1], 0.5 * RATES[0], 0.5 * RATES[1]], rtol=1e-5)


def test_a_repeated_learner_restarts_once_and_not_at_each_update_of_that_step():
    tx = optimizers.restarted(optimizer(b1=0.5, decay_steps=0), 1, 0.1)
    found = moves(repeated(linear(tx), split(2)), rows=2)
    # Momentum 1/2: the updates of a step are 1 and 1.5, after the restart 0.1 and 0.15, then 0.175 and 0.1875.
    np.testing.assert_allclose(found[:3, 0], [2.5, 0.25, 0.3625], rtol=1e-5)


def test_a_loss_reads_its_schedules_at_the_loop_s_step():
    def loss_fn(params, batch, key, *, share):
        return {"sum": params["model"]["kernel"][0] * batch.sum()}, {"train/share": share}

    one = from_loss(
        lambda key: {"model": {"kernel": jnp.ones(1)}}, loss_fn, optax.sgd(0.1), schedules={"share": lambda step: step}
    )
    learner, state = repeated(one, split(3)), one.init(jax.random.key(0))
    for expected in range(3):
        state, metrics = learner.update(state, jnp.ones(3), jax.random.key(0))
        assert metrics["train/share"] == expected


def test_in_the_loop_the_last_step_of_a_repeated_learner_is_nearly_still():
    """As PPO with `decay_steps` equal to the stage's `num_steps`: half the rate half-way, next to none at the end."""
    learner = repeated(linear(optimizer(decay_steps=32)), split(4))
    source = sources.logged(lambda data, key: data)
    at = {
        steps: loop.fit(learner, source, jnp.zeros(4), num_steps=steps, steps_per_call=1).params["first"]["kernel"]
        for steps in (16, 17, 31, 32)
    }
    np.testing.assert_allclose(at[16] - at[17], 4 * 0.5, rtol=1e-4)
    np.testing.assert_allclose(at[31] - at[32], 4 * 0.5 * (1 + np.cos(31 / 32 * np.pi)), atol=1e-4)

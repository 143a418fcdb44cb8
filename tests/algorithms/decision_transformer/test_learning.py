"""The losses by hand on two steps, one golden step, and a world whose best action must be learned."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.decision_transformer import cdt4rec, dt, dt4rec, edt4rec, loss_terms, mdt4rec, training_windows
from jaxrec.base.records import Observation, Trajectories
from jaxrec.base.specs import TrajectoriesSpec
from tests.algorithms.decision_transformer.logs import ITEM_SPEC, VECTOR_SPEC, parameters, random_log, small

LOG2, LOG4 = np.log(2.0), np.log(4.0)
GOLDEN = {
    "loss/action": 2.130253,
    "loss/max_return": 0.004539996,
    "loss/return_bins": 0.04653601,
    "loss/reward": 5.747715,
    "loss/total": 7.929043,
    "optimizer/gradient_norm": 36.66281,
    "prediction/action_accuracy": 0.4545455,
}


def two_steps(spec=ITEM_SPEC):
    """One episode of two real steps and one of padding, returns 0.75 and 0.25, rewards 0.5 and 0.25."""
    config = small(mdt4rec.defaults(), context_length=3)
    blank = training_windows.zero_windows(config, spec)
    return blank.replace(
        reward=jnp.array([[0.5, 0.25, 9.0]]),
        return_to_go=jnp.array([[0.75, 0.25, 9.0]]),
        mask=jnp.array([[True, True, False]]),
    )


def test_each_loss_by_hand_on_two_steps():
    batch = two_steps()
    mask = batch.mask
    logits = jnp.log(jnp.array([[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.0, 0.5, 0.5]]]) + 1e-9)
    np.testing.assert_allclose(loss_terms.action_loss(logits, batch), (LOG2 + LOG4) / 2, rtol=1e-5)
    np.testing.assert_allclose(loss_terms.action_accuracy(logits, batch)["prediction/action_accuracy"], 0.5)
    prediction = jnp.array([[0.25, 0.5, 0.0]])
    np.testing.assert_allclose(loss_terms.reward_loss(prediction, batch.reward, mask), (0.25**2 + 0.25**2) / 2)
    # 0.25 lies below 0.75 and 0.5 above 0.25: weights 0.9 and 0.1.
    hand = (0.9 * 0.5**2 + 0.1 * 0.25**2) / 2
    np.testing.assert_allclose(loss_terms.max_return_loss(prediction, batch.return_to_go, mask, 0.9), hand, rtol=1e-5)
    # Of two bins, 0.75 falls in the upper one and 0.25 in the lower one.
    bins = jnp.log(jnp.array([[[0.5, 0.5], [0.25, 0.75], [1.0, 1.0]]]))
    np.testing.assert_allclose(
        loss_terms.return_bins_loss(bins, batch.return_to_go, mask), (LOG2 + LOG4) / 2, rtol=1e-5
    )


def test_continuous_action_loss_by_hand():
    batch = two_steps(VECTOR_SPEC)
    output = jnp.array([[[0.5, 0.0], [0.0, -1.0], [9.0, 9.0]]])
    np.testing.assert_allclose(loss_terms.action_loss(output, batch), (0.25 / 2 + 1.0 / 2) / 2)
    assert loss_terms.action_accuracy(output, batch) == {}


def test_one_golden_step():
    """Frozen figures: a change here is a change of the algorithm."""
    config = small(mdt4rec.defaults())
    algorithm, network = mdt4rec.make(config, ITEM_SPEC), mdt4rec.make_network(config, ITEM_SPEC)
    # Adam starts from zeros, so a state of zeros with other parameters is a first state, without compiling `init`.
    state = jax.tree.map(
        lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(algorithm.learner.init, jax.random.key(0))
    )
    state = state.replace(params=parameters(network, config, ITEM_SPEC))

    @jax.jit
    def step(state, key):
        _, batch = algorithm.source.next(random_log(ITEM_SPEC), (), state.params, key)
        return algorithm.learner.update(state, batch, key)[1]

    metrics = {name: float(value) for name, value in step(state, jax.random.key(0)).items()}
    assert set(metrics) == set(GOLDEN), metrics
    for name, value in GOLDEN.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-4, err_msg=name)


def test_without_the_expectile_its_loss_and_its_head_are_gone():
    config = small(mdt4rec.defaults(), use_max=False, embedding="linear")
    network = mdt4rec.make_network(config, VECTOR_SPEC)
    params = parameters(network, config, VECTOR_SPEC)
    terms, _ = mdt4rec.losses(network, config, params, training_windows.zero_windows(config, VECTOR_SPEC))
    assert set(terms) == {"action", "reward", "return_bins"} and np.isfinite(list(terms.values())).all()
    assert "max_return_head" not in params
    assert set(params["tokens"]["state_embedding"]["MLP_0"]) == {"Dense_0"}


SPEC = TrajectoriesSpec(
    num_users=1, num_items=3, max_turn=4, reward_range=(0.0, 1.0), return_range=(0.0, 4.0),
    episode_returns=(0.0, 0.0, 4.0, 4.0),
)  # fmt: skip


def mixed_log():
    """Half the episodes play item 1 for reward 1 at each turn, half play item 2 for nothing; all start from item 0."""
    episodes, turns = 8, 4
    good = np.arange(episodes)[:, None] % 2 == 0
    action = np.where(good, 1, 2).astype(np.int32) * np.ones((1, turns), np.int32)
    reward = np.where(good, 1.0, 0.0) * np.ones((1, turns), np.float32)
    before = np.concatenate([np.zeros((episodes, 1), np.int32), action[:, :-1]], axis=1)
    feedback = np.concatenate([np.zeros((episodes, 1), np.float32), reward[:, :-1]], axis=1)
    turn = np.broadcast_to(np.arange(turns, dtype=np.int32), action.shape)
    observation = Observation(np.zeros_like(turn), before, feedback, turn, np.zeros((*turn.shape, 0), np.float32))
    data = Trajectories(observation, action, reward, np.ones(action.shape, bool))
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32 if x.dtype.kind == "f" else None), data)


@pytest.mark.parametrize("module", [mdt4rec, dt, dt4rec, cdt4rec, edt4rec])
def test_the_better_half_of_a_mixed_log_is_followed(module):
    """All must take item 1 at the start, where the log is undecided, and after a success."""
    config = small(module.defaults(), num_layers=1, width=16, dropout=0.0, batch_size=16, state_encoder="average")
    config.optimizer.learning_rate = 1e-2
    algorithm = module.make(config, SPEC)
    log = mixed_log()

    @jax.jit
    def train(key):
        state = algorithm.learner.init(key)

        def step(state, key):
            _, batch = algorithm.source.next(log, (), state.params, key)
            return algorithm.learner.update(state, batch, key)

        return jax.lax.scan(step, state, jax.random.split(key, 200))

    state, metrics = train(jax.random.key(0))
    assert metrics["loss/total"][-1] < 0.5 * metrics["loss/total"][0]
    policy = algorithm.policy
    begin = Observation(*(jnp.array([v]) for v in (0, 0, 0.0, 0)), jnp.zeros((1, 0)))
    act = jax.jit(policy.act)
    carry, logits = act(state.params, policy.init(state.params, 1), begin, jax.random.key(1))
    assert logits[0].argmax() == 1
    success = begin.replace(item=jnp.array([1]), feedback=jnp.array([1.0]), turn=jnp.array([1]))
    assert act(state.params, carry, success, jax.random.key(2))[1][0].argmax() == 1

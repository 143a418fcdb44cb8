"""DT acting: the target return, and outputs equal to the training forward pass."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.decision_transformer import dt, mdt4rec, target_return_policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation
from jaxrec.batches import windows
from tests.algorithms.decision_transformer.logs import ITEM_SPEC, VECTOR_SPEC, parameters, random_log, small


@pytest.mark.parametrize("spec", [ITEM_SPEC, VECTOR_SPEC], ids=["items", "vectors"])
def test_acting_along_a_log_equals_the_training_forward(spec):
    """Fed a logged episode whose returns-to-go are the target less the observed rewards, both give the same outputs."""
    config = small(dt.defaults(), target_quantile=0.6)
    network = dt.make_network(config, spec)
    params = parameters(network, config, spec)
    log = random_log(spec).replace(mask=jnp.ones((5, 7), bool))
    length = config.context_length + 2
    batch = windows.windows_at(
        log, jnp.arange(2), jnp.array([2, 2]), context_length=config.context_length, state_window=3
    )
    acting = dt.make_policy(network, config, spec)
    act, carry = jax.jit(acting.act), acting.init(params, 2)
    spent = np.zeros(2)
    for t in range(length):
        observation = jax.tree.map(lambda x: x[:2, t], log.observation)  # noqa: B023
        spent += np.asarray(observation.feedback)
        carry, output = act(params, carry, observation, jax.random.key(t))
        if spec.action_size:
            carry = carry.replace(action=log.action[:2, t])
    low, high = spec.return_range
    rewards = np.cumsum(np.asarray(log.observation.feedback[:2, :length]), axis=1)
    asked = 0.6 - rewards[:, 2:] / (high - low)
    np.testing.assert_allclose(carry.target, 0.6 - spent / (high - low), atol=1e-6)
    expected = jax.jit(lambda w: network.apply({"params": params}, w))(
        batch.replace(return_to_go=jnp.asarray(asked, jnp.float32))
    )
    np.testing.assert_allclose(output, expected[:, -1], atol=1e-5)
    np.testing.assert_array_equal(acting.diagnostics(carry)["window_length"], config.context_length)


def test_the_target_is_a_quantile_of_what_episodes_returned():
    """ITEM_SPEC's returns lie in 0 to 14; of two episodes in three it was 7 at most, of all 12."""
    spec = dataclasses.replace(ITEM_SPEC, episode_returns=(1.0, 3.0, 7.0, 12.0))
    config = small(dt.defaults())
    for quantile, asked in ((0.0, 1.0), (0.5, 5.0), (2 / 3, 7.0), (1.0, 12.0)):
        config.target_quantile = quantile
        np.testing.assert_allclose(target_return_policy.first_target_return(config, spec), asked / 14)
    config.target_quantile = 1.5
    with pytest.raises(JaxrecError, match="algorithm.target_quantile is 1.5: set it to a number from 0 to 1"):
        dt.make(config, spec)


def test_turn_zero_asks_for_the_target_again():
    config = small(dt.defaults())
    network = dt.make_network(config, ITEM_SPEC)
    params = parameters(network, config, ITEM_SPEC)
    acting = dt.make_policy(network, config, ITEM_SPEC)
    act = jax.jit(acting.act)
    begin = Observation(*(jnp.array([v]) for v in (0, 2, 0.0, 0)), jnp.zeros((1, 0)))
    first, output = act(params, acting.init(params, 1), begin, jax.random.key(0))
    later, _ = act(params, first, begin.replace(turn=jnp.array([1]), feedback=jnp.array([7.0])), jax.random.key(0))
    np.testing.assert_allclose(later.target, [0.4], rtol=1e-6)
    again, same = act(params, later, begin, jax.random.key(0))
    np.testing.assert_allclose(again.target, [0.9], rtol=1e-6)
    np.testing.assert_allclose(same, output, atol=1e-6)


@pytest.mark.parametrize(
    ("module", "changes", "message"),
    [
        (dt, {"context_length": 99}, "context_length is 99.*7 turns"),
        (dt, {"embedding": "cubic"}, "'cubic'.*linear.*mlp"),
        (dt, {"state_window": 0}, "state_window is 0"),
        (dt, {"num_heads": 3}, "3 heads"),
        (dt, {"state_encoder": "lstm"}, "'lstm'.*sasrec"),
        (mdt4rec, {"delta": 0}, "delta is 0"),
        (mdt4rec, {"expectile": 1.0}, "expectile is 1.0"),
        (mdt4rec, {"search": "binary"}, "'binary'.*batched.*incremental"),
        (mdt4rec, {"return_draw": "max"}, "'max'.*sample, mean"),
    ],
)
def test_settings_that_cannot_work_are_named(module, changes, message):
    with pytest.raises(JaxrecError, match=message):
        module.make(small(module.defaults(), **changes), ITEM_SPEC)

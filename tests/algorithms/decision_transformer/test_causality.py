"""Nothing sees its own target: the gradient of every head with respect to what it must not see is exactly zero."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.decision_transformer import dt, mdt4rec
from jaxrec.algorithms.decision_transformer.return_normalisation import normalise_returns_and_rewards
from jaxrec.batches import windows
from tests.algorithms.decision_transformer.logs import ITEM_SPEC, VECTOR_SPEC, parameters, random_log, small

STEPS = 4
NOW, BEFORE = np.tri(STEPS, dtype=bool), np.tri(STEPS, k=-1, dtype=bool)


def cubes(values):
    """One number per step that moves with each of its components, [1, T, ...] -> [T]."""
    return (values[0].reshape(STEPS, -1) ** 3).sum(-1)


def test_mdt4rec_heads_see_only_what_comes_before_them():
    """Tokens are (s, R, a); reward and returns of step t are predicted from s_t and what came before."""
    config = small(mdt4rec.defaults())
    network = mdt4rec.make_network(config, ITEM_SPEC)
    params = parameters(network, config, ITEM_SPEC)

    def outputs(states, returns, actions):
        predictions = network.apply({"params": params}, states, returns, actions, method="predict")
        return {name: cubes(getattr(predictions, name)) for name in ("action", "bin_logits", "max_return", "reward")}

    tokens = jax.random.normal(jax.random.key(1), (3, 1, STEPS, config.width))
    jacobian = jax.jit(jax.jacobian(outputs, argnums=(0, 1, 2)))(*tokens)
    for head, by_input in jacobian.items():
        state, given, taken = (np.abs(j)[:, 0].sum(-1) > 0 for j in by_input)
        np.testing.assert_array_equal(state, NOW, head)
        np.testing.assert_array_equal(given, NOW if head == "action" else BEFORE, head)
        np.testing.assert_array_equal(taken, BEFORE, head)


def test_dt_action_sees_return_and_state_but_not_itself():
    config = small(dt.defaults())
    network = dt.make_network(config, ITEM_SPEC)
    params = parameters(network, config, ITEM_SPEC)
    tokens = jax.random.normal(jax.random.key(1), (3, 1, STEPS, config.width))
    outputs = lambda *t: cubes(network.apply({"params": params}, *t, method="predict"))  # noqa: E731
    jacobian = jax.jit(jax.jacobian(outputs, argnums=(0, 1, 2)))(*tokens)
    state, given, taken = (np.abs(j)[:, 0].sum(-1) > 0 for j in jacobian)
    np.testing.assert_array_equal(state, NOW)
    np.testing.assert_array_equal(given, NOW)
    np.testing.assert_array_equal(taken, BEFORE)


@pytest.fixture(scope="module")
def vectors():
    config = small(mdt4rec.defaults())
    network = mdt4rec.make_network(config, VECTOR_SPEC)
    params = parameters(network, config, VECTOR_SPEC)
    batch = windows.windows_at(
        random_log(VECTOR_SPEC), jnp.array([1]), jnp.array([0]), context_length=STEPS, state_window=3
    )
    return network, params, normalise_returns_and_rewards(batch, VECTOR_SPEC)


def test_logged_numbers_reach_only_the_heads_they_may(vectors):
    """By the batch's own fields: the logged reward is a target, never an input; R_t and a_t reach later heads only."""
    network, params, batch = vectors

    def outputs(fields):
        predictions = network.apply({"params": params}, batch.replace(**fields))
        return {name: cubes(getattr(predictions, name)) for name in ("action", "bin_logits", "max_return", "reward")}

    fields = {name: getattr(batch, name) for name in ("reward", "return_to_go", "action", "vector")}
    for head, by_field in jax.jit(jax.jacobian(outputs))(fields).items():
        moved = {
            name: np.abs(np.asarray(j)[:, 0]).reshape(STEPS, STEPS, -1).sum(-1) > 0 for name, j in by_field.items()
        }
        assert not moved["reward"].any()
        np.testing.assert_array_equal(moved["return_to_go"], NOW if head == "action" else BEFORE, head)
        np.testing.assert_array_equal(moved["action"], BEFORE, head)
        np.testing.assert_array_equal(moved["vector"], NOW, head)


@pytest.mark.parametrize("module", [mdt4rec, dt])
def test_the_logged_item_never_reaches_its_own_prediction(module):
    """Items have no gradient, so each a_t is swapped for another item and outputs up to t must not move at all."""
    config = small(module.defaults())
    network = module.make_network(config, ITEM_SPEC)
    params = parameters(network, config, ITEM_SPEC)
    batch = windows.windows_at(
        random_log(ITEM_SPEC), jnp.array([1]), jnp.array([0]), context_length=STEPS, state_window=3
    )
    apply = jax.jit(lambda b: jax.tree.leaves(network.apply({"params": params}, b)))
    outputs = apply(batch)
    for t in range(STEPS):
        swapped = batch.replace(action=batch.action.at[0, t].set((batch.action[0, t] + 1) % ITEM_SPEC.num_items))
        for before, after in zip(outputs, apply(swapped), strict=True):
            np.testing.assert_array_equal(before[0, : t + 1], after[0, : t + 1])
            assert t == STEPS - 1 or (before[0, t + 1] != after[0, t + 1]).any()


def test_padding_changes_neither_losses_nor_gradients():
    config = small(mdt4rec.defaults(), dropout=0.0)
    network = mdt4rec.make_network(config, ITEM_SPEC)
    params = parameters(network, config, ITEM_SPEC)
    log = random_log(ITEM_SPEC)
    length = int(log.mask[2].sum())
    batch = windows.windows_at(log, jnp.array([2]), jnp.array([length - 2]), context_length=STEPS, state_window=3)
    assert batch.mask.sum() == 2
    garbage = jax.tree.map(lambda x: x.at[:, 2:].set(jnp.ones((), x.dtype)), batch).replace(mask=batch.mask)
    loss = jax.jit(jax.value_and_grad(lambda p, b: sum(mdt4rec.losses(network, config, p, b)[0].values())))
    for clean, dirty in zip(
        jax.tree.leaves(loss(params, normalise_returns_and_rewards(batch, ITEM_SPEC))),
        jax.tree.leaves(loss(params, normalise_returns_and_rewards(garbage, ITEM_SPEC))),
        strict=True,
    ):
        np.testing.assert_allclose(clean, dirty, atol=1e-6)

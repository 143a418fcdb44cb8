"""DT4Rec, CDT4Rec and EDT4Rec: who sees what, padding, gradients by hand, acting against the training forward."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.decision_transformer import cdt4rec, dt4rec, edt4rec, training_windows
from jaxrec.algorithms.decision_transformer.return_normalisation import (
    normalise_in_units_of_returns,
    normalise_returns,
    normalise_returns_and_rewards,
)
from jaxrec.base.errors import JaxrecError
from jaxrec.batches import windows
from tests.algorithms.decision_transformer.logs import ITEM_SPEC, VECTOR_SPEC, parameters, random_log, small

STEPS = 4
NOW, BEFORE = np.tri(STEPS, dtype=bool), np.tri(STEPS, k=-1, dtype=bool)
EVERY = [
    (dt4rec, ITEM_SPEC),
    (dt4rec, VECTOR_SPEC),
    (cdt4rec, VECTOR_SPEC),
    (edt4rec, ITEM_SPEC),
    (edt4rec, VECTOR_SPEC),
]
NAMES = ["dt4rec", "dt4rec, vectors", "cdt4rec, vectors", "edt4rec", "edt4rec, vectors"]


def made(module, spec, **changes):
    """One block and averaged states: the transformer and the encoders have tests of their own, and compile slowly."""
    config = small(module.defaults(), **{"dropout": 0.0, "num_layers": 1, "state_encoder": "average", **changes})
    network = module.make_network(config, spec)
    return config, network, parameters(network, config, spec)


def terms_of(module, spec, config, network):
    """(params, batch) -> (terms, metrics) of the module's own losses, on a batch from a log."""
    if module is dt4rec:
        wrong = jnp.linspace(0.0, 1.0, STEPS)[None]

        def evaluate(params, batch):
            batch = normalise_returns(batch, spec)
            return dt4rec.losses(network, config, params, batch, wrong)

        return evaluate
    if module is cdt4rec:
        return lambda params, batch: cdt4rec.losses(network, config, params, normalise_returns_and_rewards(batch, spec))
    targets = lambda params: {"value": jax.tree.map(lambda x: 1.1 * x, params["value"])}  # noqa: E731
    return lambda params, batch: edt4rec.losses(
        network,
        config,
        spec,
        params,
        jax.lax.stop_gradient(targets(params)),
        normalise_in_units_of_returns(batch, spec),
    )


@pytest.mark.parametrize("module", [dt4rec, cdt4rec, edt4rec])
def test_no_head_sees_its_own_target(module):
    """Exactly zero gradients: the reward estimate sees neither R_t nor a_t, the action sees both but its own."""
    config, network, params = made(module, ITEM_SPEC)

    def outputs(states, returns, actions):
        read = network.apply({"params": params}, states, returns, actions, method="predict")
        heads = {"action": read} if module is dt4rec else {"action": read.action, "reward": read.reward}
        return {name: (values[0].reshape(STEPS, -1) ** 3).sum(-1) for name, values in heads.items()}

    tokens = jax.random.normal(jax.random.key(1), (3, 1, STEPS, config.width))
    for head, by_input in jax.jit(jax.jacobian(outputs, argnums=(0, 1, 2)))(*tokens).items():
        state, given, taken = (np.abs(j)[:, 0].sum(-1) > 0 for j in by_input)
        np.testing.assert_array_equal(state, NOW, head)
        np.testing.assert_array_equal(given, NOW if head == "action" else BEFORE, head)
        np.testing.assert_array_equal(taken, BEFORE, head)


@pytest.mark.parametrize(("module", "spec"), EVERY, ids=NAMES)
def test_padding_changes_neither_losses_nor_gradients(module, spec):
    config, network, params = made(module, spec)
    log = random_log(spec)
    length = int(log.mask[2].sum())
    batch = windows.windows_at(log, jnp.array([2]), jnp.array([length - 2]), context_length=STEPS, state_window=3)
    garbage = jax.tree.map(lambda x: x.at[:, 2:].set(jnp.ones((), x.dtype)), batch).replace(mask=batch.mask)
    evaluate = terms_of(module, spec, config, network)
    loss = jax.jit(jax.value_and_grad(lambda p, b: sum(evaluate(p, b)[0].values())))
    clean, dirty = loss(params, batch), loss(params, garbage)
    assert np.isfinite(clean[0]) and any((np.asarray(x) != 0).any() for x in jax.tree.leaves(clean[1]))
    for a, b in zip(jax.tree.leaves(clean), jax.tree.leaves(dirty), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(("module", "spec"), EVERY, ids=NAMES)
def test_acting_equals_the_training_forward_at_every_step(module, spec):
    """Fed a logged episode, each turn's output is that of the window re-encoded with the returns that were asked."""
    config, network, params = made(module, spec, target_quantile=0.6)
    log = random_log(spec).replace(mask=jnp.ones((5, 7), bool))
    acting = module.make_policy(network, config, spec)

    def turn(carry, inputs):
        observation, action = inputs
        carry, output = acting.act(params, carry, observation, jax.random.key(0))
        return (carry.replace(action=action) if spec.action_size else carry), (output, carry.target)

    moved = jax.tree.map(lambda x: jnp.swapaxes(x[:2], 0, 1), (log.observation, log.action))
    _, (outputs, asked) = jax.jit(lambda c: jax.lax.scan(turn, c, moved))(acting.init(params, 2))
    low, high = spec.return_range
    spent = np.cumsum(np.asarray(log.observation.feedback[:2]), axis=1).T
    np.testing.assert_allclose(asked, 0.6 - spent / (high - low), atol=1e-6)
    turns = np.arange(7)
    first = np.maximum(turns - STEPS + 1, 0)
    read = jax.jit(lambda p, b: network.apply({"params": p}, *network.bind({"params": p}).tokens(b), method="predict"))
    for user in range(2):
        batch = windows.windows_at(log, jnp.full(7, user), jnp.asarray(first), context_length=STEPS, state_window=3)
        places = np.minimum(first[:, None] + np.arange(STEPS), 6)
        batch = batch.replace(return_to_go=asked[:, user][places])
        expected = read(params, batch)
        expected = expected if module is dt4rec else expected.action
        np.testing.assert_allclose(outputs[:, user], expected[turns, turns - first], atol=1e-5)


def test_edt4rec_terms_and_their_gradients_by_hand():
    """Two steps: V's expectile errors, the floor's pull on the temperature, the entropy's on the logits."""
    config, network, params = made(edt4rec, ITEM_SPEC, entropy_floor=0.5, value_expectile=0.9)
    batch = training_windows.zero_windows(config, ITEM_SPEC).replace(
        reward=jnp.array([[0.25, 0.5, 9.0, 9.0]]),
        return_to_go=jnp.array([[0.75, 0.5, 9.0, 9.0]]),
        mask=jnp.array([[True, True, False, False]]),
        action=jnp.array([[2, 1, 0, 0]]),
    )
    held = {"value": jax.tree.map(lambda x: 0.5 * x, params["value"])}

    def evaluate(params):
        return edt4rec.losses(network, config, ITEM_SPEC, params, held, batch)

    terms, metrics, gradients = jax.jit(lambda p: (*evaluate(p), jax.jacrev(lambda q: evaluate(q)[0])(p)))(params)
    network_values = jax.jit(lambda p: network.apply({"params": p}, batch, method="values")[0])
    values = lambda p: np.asarray(network_values(p))  # noqa: E731
    value, old = values(params), values({**params, **held})
    errors = np.array([0.25 + old[1], 0.5]) - value[:2]
    weights = np.where(errors > 0, 0.9, 0.1)
    np.testing.assert_allclose(terms["value"], (weights * errors**2).mean(), rtol=1e-5)
    asked = np.array([0.25 + max(0.5, old[1]), 0.5])
    given = batch.replace(return_to_go=jnp.array([[*asked, 9.0, 9.0]]))
    forward = jax.jit(lambda p: network.apply({"params": p}, given)[0].action[0, :2])
    logits = np.asarray(forward(params), np.float64)
    probability = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    entropy = -(probability * np.log(probability)).sum(-1).mean()
    np.testing.assert_allclose(metrics["policy/entropy"], entropy, rtol=1e-5)
    np.testing.assert_allclose(terms["action"], -np.log(probability[[0, 1], [2, 1]]).mean(), rtol=1e-5)
    temperature = np.exp(float(params["log_temperature"]))
    np.testing.assert_allclose(terms["entropy"], -temperature * entropy, rtol=1e-5)
    floor = 0.5 * np.log(ITEM_SPEC.num_items)
    np.testing.assert_allclose(gradients["temperature"]["log_temperature"], temperature * (entropy - floor), rtol=1e-4)
    assert gradients["entropy"]["log_temperature"] == 0, "the policy's term does not move the temperature"
    last = {name: g["value"]["MLP_0"]["Dense_2"]["bias"] for name, g in gradients.items()}
    np.testing.assert_allclose(last["value"], [(-2 * weights * errors).mean()], rtol=1e-5)
    assert all((g == 0).all() for name, g in last.items() if name != "value"), "V learns from its own loss alone"
    onehot = np.eye(ITEM_SPEC.num_items)[[2, 1]]
    bias = lambda name: gradients[name]["action_generator"]["Dense_1"]["bias"]  # noqa: E731
    np.testing.assert_allclose(bias("action"), ((probability - onehot) / 2).sum(0), atol=1e-5)
    surprise = np.log(probability) + (-(probability * np.log(probability)).sum(-1, keepdims=True))
    np.testing.assert_allclose(bias("entropy"), temperature * (probability * surprise / 2).sum(0), atol=1e-5)


def test_edt4rec_stitches_beyond_the_window():
    """The step after the window says what its last step could have led to; it is asked for nothing itself."""
    config, network, params = made(edt4rec, ITEM_SPEC, entropy_floor=0.5, value_expectile=0.5)
    _, batch = edt4rec.make(config, ITEM_SPEC).source.next(random_log(ITEM_SPEC), (), params, jax.random.key(0))
    assert batch.reward.shape[1] == STEPS + 1
    batch = windows.windows_at(
        random_log(ITEM_SPEC), jnp.arange(2), jnp.zeros(2, int), context_length=5, state_window=3
    )
    batch = normalise_in_units_of_returns(batch.replace(mask=jnp.ones((2, STEPS + 1), bool)), ITEM_SPEC)
    held = {"value": jax.tree.map(lambda x: 1.1 * x, params["value"])}
    terms = jax.jit(lambda p: edt4rec.losses(network, config, ITEM_SPEC, p, held, batch)[0])(params)
    values = jax.jit(lambda p: network.apply({"params": p}, batch, method="values"))
    now, later = values(params)[:, :STEPS], values({**params, **held})[:, 1:]
    np.testing.assert_allclose(terms["value"], 0.5 * ((batch.reward[:, :STEPS] + later - now) ** 2).mean(), rtol=1e-5)


def test_cdt4rec_reward_feeds_the_action_and_its_gradient_by_hand():
    config, network, params = made(cdt4rec, ITEM_SPEC)
    batch = training_windows.zero_windows(config, ITEM_SPEC).replace(
        reward=jnp.array([[0.25, 0.5, 9.0, 9.0]]), mask=jnp.array([[True, True, False, False]])
    )
    gradients = jax.jit(jax.jacrev(lambda p: cdt4rec.losses(network, config, p, batch)[0]))(params)
    predicted = np.asarray(jax.jit(lambda p: network.apply({"params": p}, batch).reward)(params))[0, :2]
    hand = (2 * (predicted - np.array([0.25, 0.5]))).mean()
    np.testing.assert_allclose(gradients["reward"]["reward_estimator"]["Dense_1"]["bias"], [hand], rtol=1e-4)
    assert gradients["action"]["reward_estimator"]["Dense_1"]["bias"] != 0, "the action's loss reaches the estimator"


def test_dt4rec_calls_no_prompt_wrong_that_is_above_the_right_one(monkeypatch):
    """A user who is asked for more than was ever logged gets what the best that was logged got."""
    algorithm, log, seen = dt4rec.make(small(dt4rec.defaults()), ITEM_SPEC), random_log(ITEM_SPEC), []
    monkeypatch.setattr(dt4rec, "losses", lambda *given: seen.append(given[3:5]) or ({"none": jnp.zeros(())}, {}))
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    _, batch = algorithm.source.next(log, (), state.params, jax.random.key(1))
    with jax.disable_jit():
        algorithm.learner.update(state, batch, jax.random.key(2))
    windows, wrong = seen[0]
    assert ((wrong >= 0) & (wrong <= windows.return_to_go)).all() and (wrong < windows.return_to_go).any()


def test_dt4rec_contrast_weighs_wrong_prompts_by_their_distance():
    """A wrong prompt that is the right one costs nothing; one of distance d costs d times a cosine."""
    config, network, params = made(dt4rec, ITEM_SPEC, contrast_weight=1.0)
    batch = training_windows.zero_windows(config, ITEM_SPEC).replace(return_to_go=jnp.full((1, STEPS), -4.0))
    losses = jax.jit(lambda p, wrong: dt4rec.losses(network, config, p, batch, wrong)[0]["contrast"])
    assert losses(params, batch.return_to_go) == 0
    far = jnp.full((1, STEPS), 4.0)

    def both(model):
        states, returns, actions = model.tokens(batch)
        others = model.tokens.returns(far, batch.timestep)
        return model.state_outputs(states, returns, actions), model.state_outputs(states, others, actions)

    right, wrong = (np.asarray(x)[0] for x in jax.jit(lambda p: network.apply({"params": p}, method=both))(params))
    cosine = (right * wrong).sum(-1) / np.linalg.norm(right, axis=-1) / np.linalg.norm(wrong, axis=-1)
    np.testing.assert_allclose(losses(params, far), 8.0 * np.abs(cosine).mean(), rtol=1e-4)
    assert (cosine < 0.9995).any(), "the prompt must matter"


@pytest.mark.parametrize(
    ("module", "changes", "message"),
    [
        (dt4rec, {"prompt_vectors": 1}, "prompt_vectors is 1"),
        (edt4rec, {"value_expectile": 1.0}, "value_expectile is 1.0"),
        (edt4rec, {"entropy_floor": 1.5}, "entropy_floor is 1.5"),
        (edt4rec, {"initial_temperature": 0.0}, "initial_temperature is 0.0"),
        (cdt4rec, {"num_heads": 3}, "3 heads"),
    ],
)
def test_settings_that_cannot_work_are_named(module, changes, message):
    with pytest.raises(JaxrecError, match=message):
        module.make(small(module.defaults(), **changes), ITEM_SPEC)

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.training import optimizers

PARAMS = {"body/kernel": jnp.array([1.0]), "body/bias": jnp.array([1.0]), "head/kernel": jnp.array([1.0])}
GRADS = {name: jnp.array([3.0]) for name in PARAMS}


def _config(**leaves):
    config = optimizers.defaults()
    config.update(leaves)
    return config


def _step(config):
    tx = optimizers.make(config)
    return tx.update(GRADS, tx.init(PARAMS), PARAMS, step=0)[0]


def test_sgd_is_minus_rate_times_gradient_and_clipping_scales_all():
    np.testing.assert_allclose(_step(_config(name="sgd", b1=0.0, learning_rate=0.1))["head/kernel"], [-0.3])
    clipped = _step(_config(name="sgd", b1=0.0, learning_rate=1.0, clip_norm=1.0))
    np.testing.assert_allclose(clipped["body/bias"], [-1 / np.sqrt(3)], rtol=1e-6)


def test_weight_decay_shrinks_what_has_two_axes_and_is_no_bias():
    """By a tenth of a half at every step, whatever the gradient."""
    shapes = {"body/kernel": (2, 3), "body/bias": (3,), "head/table": (4, 3), "norm/scale": (3,), "left": ()}
    shapes |= {"critics/kernel": (2, 3, 3), "critics/bias": (2, 3), "lora/a_0": (3, 1), "norms/scale": (2, 3)}
    params = {path: jnp.ones(shape) for path, shape in shapes.items()}
    changes = {}
    for decay in (0.0, 0.5):
        tx = optimizers.make(_config(learning_rate=0.1, weight_decay=decay))
        changes[decay] = tx.update(params, tx.init(params), params, step=0)[0]
    shrunk = {path for path in params if (changes[0.5][path] != changes[0.0][path]).any()}
    assert shrunk == {"body/kernel", "head/table", "critics/kernel", "lora/a_0"}
    for path in shrunk:
        np.testing.assert_allclose(changes[0.5][path] - changes[0.0][path], -0.05, rtol=1e-5)


def test_warmup_then_constant_and_cosine_to_zero():
    warm = optimizers.schedule(_config(learning_rate=1.0, warmup_steps=10))
    np.testing.assert_allclose([warm(0), warm(5), warm(10), warm(99)], [0, 0.5, 1, 1])
    cosine = optimizers.schedule(_config(learning_rate=1.0, warmup_steps=10, decay_steps=30))
    np.testing.assert_allclose([cosine(10), cosine(20), cosine(30)], [1, 0.5, 0], atol=1e-6)


def test_groups_override_and_must_cover_every_parameter():
    groups = {"body": {"pattern": "body/", "learning_rate": 0.0}, "rest": {"pattern": ".*"}}
    updates = _step(_config(name="sgd", b1=0.0, learning_rate=0.1, groups=groups))
    np.testing.assert_array_equal(updates["body/kernel"], [0.0])
    np.testing.assert_allclose(updates["head/kernel"], [-0.3])
    with pytest.raises(JaxrecError, match="no optimizer group covers parameter 'head/kernel'"):
        _step(_config(groups={"body": {"pattern": "body/"}}))
    with pytest.raises(JaxrecError, match="covers no parameter"):
        _step(_config(groups={"lm": {"pattern": "backbone/"}, "rest": {"pattern": ".*"}}))


def test_a_group_that_steps_at_every_second_update_drops_those_between():
    groups = {"body": {"pattern": "body/", "every": 2}, "rest": {"pattern": ".*"}}
    tx = optimizers.make(_config(name="sgd", b1=0.0, learning_rate=0.1, groups=groups))
    params = {"body/kernel": jnp.ones(1), "head/kernel": jnp.ones(1)}
    state, steps = tx.init(params), []
    for gradient in (1.0, 2.0, 4.0, 8.0):
        updates, state = tx.update({name: gradient * x for name, x in params.items()}, state, params, step=0)
        steps.append([float(updates["body/kernel"][0]), float(updates["head/kernel"][0])])
    np.testing.assert_allclose(steps, [[0, -0.1], [-0.2, -0.2], [0, -0.4], [-0.8, -0.8]], rtol=1e-6)
    with pytest.raises(JaxrecError, match="optimizer.every is 0"):
        optimizers.make(_config(every=0))


def test_a_restarted_optimizer_forgets_and_goes_on_at_its_new_rate():
    momentum = optimizers.make(_config(name="sgd", b1=0.5, learning_rate=1.0))
    tx, params = optimizers.restarted(momentum, 2, 0.1), {"head/kernel": jnp.ones(1)}
    state, steps = tx.init(params), []
    for step in range(4):
        updates, state = tx.update(params, state, params, step=step)
        steps.append(float(updates["head/kernel"][0]))
    np.testing.assert_allclose(steps, [-1, -1.5, -0.1, -0.15], rtol=1e-6)


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        ("learning_rate", float("nan")),
        ("learning_rate", -1e-3),
        ("b1", 1.0),
        ("eps", -1.0),
        ("weight_decay", float("inf")),
        ("clip_norm", -1.0),
        ("decay_steps", -1),
    ],
)
def test_numbers_that_cannot_be_are_named(leaf, value):
    for where in ({leaf: value}, {"groups": {"all": {"pattern": ".*", leaf: value}}}):
        with pytest.raises(JaxrecError, match=f"optimizer.{leaf} is {value}: set it to"):
            optimizers.make(_config(**where))


def test_unknown_optimizer_is_named():
    with pytest.raises(JaxrecError, match="'adamax' is unknown"):
        optimizers.make(_config(name="adamax"))

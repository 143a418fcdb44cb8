"""Starting from what another run learned."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxrec.experiment.context import Context
from ml_collections import ConfigDict

from jaxrec import defaults
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import fitting, preflight
from jaxrec.reporting.progress import Progress
from jaxrec.training import learner
from jaxrec.training.checkpoint import Checkpoints
from tests.experiment import tiny

SEEDS = 3


def _learner(num_items: int):
    def init_params(key):
        return {"table": {"rows": jax.random.normal(key, (num_items, 2))}}

    def loss_fn(params, target_params, batch, key):
        return {"size": jnp.sum(params["table"]["rows"] ** 2)}, {}

    return learner.from_loss(init_params, loss_fn, optax.sgd(0.1), target_keys=("table",))


@pytest.fixture
def finished(tmp_path):
    """The folder of a fit stage over four items, three seeds, and what it holds."""
    params = {"table": {"rows": np.random.default_rng(0).normal(size=(SEEDS, 4, 2)).astype(np.float32)}}
    Checkpoints(tmp_path / "params").save(7, params)
    (tmp_path / "done.json").write_text(json.dumps({"num_seeds": SEEDS}))
    return ConfigDict({"init_from": str(tmp_path)}), params


def test_begins_at_the_first_seed_of_the_other_run(finished):
    config, params = finished
    fitting.check_start(_learner(4), config)
    state = fitting.starting_from(_learner(4), config).init(jax.random.key(1))
    np.testing.assert_array_equal(state.params["table"]["rows"], params["table"]["rows"][0])
    np.testing.assert_array_equal(state.target_params["table"]["rows"], params["table"]["rows"][0])
    assert state.step == 0


def test_another_catalogue_is_named_before_anything_is_read(finished):
    config, _ = finished
    with pytest.raises(JaxrecError, match=r"another catalogue or network.*\[3, 4, 2\].*there and.*\[3, 5, 2\]"):
        fitting.check_start(_learner(5), config)


def test_an_unfinished_stage_is_refused(tmp_path):
    with pytest.raises(JaxrecError, match="not the folder of a finished fit stage"):
        fitting.check_start(_learner(4), ConfigDict({"init_from": str(tmp_path)}))


def _twins(**changes):
    """A2C in a tiny world, and the same parameters acting with changes."""
    config = tiny.get_config()
    config.stages.twin = defaults.same_params(config.stages.a2c, "a2c", **changes)
    config.order = ("a2c", "twin")
    return config


def test_a_stage_may_act_with_the_parameters_of_another(tmp_path):
    context = Context(_twins(discount=0.5), tmp_path)
    preflight.check(context)
    _, spec = context.stage_data(context.config.stages.a2c)
    made = fitting.problem.make_algorithm(context.config.stages.a2c.algorithm, spec)
    params = jax.vmap(made.learner.init)(jax.random.split(jax.random.key(5), 2)).params
    Checkpoints(context.folder("a2c").path / "params").save(1, params)
    found = fitting.run(context, "twin", Progress(enabled=False))
    assert found["num_seeds"] == 2 and not context.folder("twin").path.exists()
    jax.tree.map(np.testing.assert_array_equal, context.fitted("twin").params, params)
    context.config.stages.third = defaults.same_params(context.config.stages.twin, "twin", discount=0.1)
    assert context.params_folder("third") == context.folder("a2c").path
    longer = _twins(discount=0.5)
    longer.stages.a2c.num_steps += 1
    assert Context(longer, tmp_path).fingerprint("twin") != context.fingerprint("twin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.stages.twin.algorithm.update(width=8), "stage 'twin': 'a2c', .* another network; change no sizes"),
        (lambda c: c.stages.twin.update(num_seeds=3), "stage 'twin': 'a2c', .* another number of seeds"),
        (lambda c: c.stages.a2c.update(defaults.fit("static.random", "train", num_steps=1)), "counted, not trained"),
        (lambda c: c.update(order=("twin", "a2c")), "'twin' needs 'a2c', which does not run before it"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_before_any_work(tmp_path, change, message):
    config = _twins()
    change(config)
    with pytest.raises(JaxrecError, match=message):
        preflight.check(Context(config, tmp_path))

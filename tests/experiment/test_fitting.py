"""Starting from what another run learned."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from ml_collections import ConfigDict

from jaxrec.experiment import fitting
from jaxrec.training import learner
from jaxrec.training.checkpoint import Checkpoints
from jaxrec.types import JaxrecError

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

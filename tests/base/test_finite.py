"""Numbers that are not finite are named: in parameters, in scores, in metrics."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base import finite
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import starts
from jaxrec.training.checkpoint import Checkpoints


def test_a_parameter_is_named_with_its_path():
    params = {
        "encoder": {"kernel": np.ones((2, 3))},
        "output": {"table": np.array([1.0, -np.inf]), "count": np.arange(2)},
    }
    with pytest.raises(
        JaxrecError, match="runs/fit: parameter output/table holds numbers that are not finite; run again"
    ):
        finite.check_params(params, "runs/fit", "run again")
    params["output"]["table"] = np.ones(2)
    finite.check_params(params, "runs/fit", "run again")


def test_parameters_of_a_stage_are_looked_at_when_they_are_read(tmp_path):
    params = {"model": {"kernel": jnp.array([[1.0, jnp.nan]])}}
    Checkpoints(tmp_path / "params", keep=1).save(3, params)
    with pytest.raises(JaxrecError, match=f"{tmp_path}: parameter model/kernel holds numbers that are not finite"):
        starts.read_params(tmp_path, params)


def test_metrics_that_are_not_finite_name_their_model():
    fine = {"FB/R_cumu": np.array([1.0, 2.0]), "histogram/FB/turn": np.zeros((2, 5), np.int32)}
    finite.check_metrics(fine, "dt")
    with pytest.raises(JaxrecError, match=r"'dt' has no finite FB/Length \(seed 1\)"):
        finite.check_metrics(fine | {"FB/Length": np.array([1.0, np.nan])}, "dt")


def test_the_largest_score_tells():
    scores = jnp.array([[1.0, 2.0], [-jnp.inf, 2.0], [jnp.nan, 2.0], [jnp.inf, 2.0], [-jnp.inf, -jnp.inf]])
    assert finite.rankable(scores).tolist() == [True, True, False, False, False]

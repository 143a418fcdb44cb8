"""Every algorithm: a run that is stopped and gone on with ends as the unbroken one does, bit for bit."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxrec import algorithms
from jaxrec.training import loop
from jaxrec.training.checkpoint import Checkpoints
from tests.algorithms.test_contract import EVERY, small, trajectories, world

__all__ = ["world"]  # the fixture


@pytest.mark.parametrize(("family", "name"), EVERY, ids=["/".join(pair) for pair in EVERY])
def test_stopped_and_resumed_equals_unbroken(family, name, world, tmp_path):
    module = algorithms.load(family, name)
    algorithm = module.make(small(module), world[2])
    if algorithm.learner is None:
        return  # counted, not trained: nothing to go on with
    data = world[1].get(family) or trajectories()

    def fit(**options):
        options = {"num_steps": 3, "steps_per_call": 1, "num_seeds": 2} | options
        return loop.fit(algorithm.learner, algorithm.source, data, **options)

    unbroken = fit()
    with pytest.raises(loop.Stopped, match="step 1 of 3"):
        fit(checkpoints=Checkpoints(tmp_path), stop_requested=lambda: True)
    resumed = fit(checkpoints=Checkpoints(tmp_path))
    assert (np.asarray(unbroken.step) >= 3).all()
    jax.tree.map(np.testing.assert_array_equal, resumed, unbroken)

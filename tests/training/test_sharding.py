import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from jaxrec.base.errors import JaxrecError
from jaxrec.training import sharding
from tests.conftest import REPOSITORY
from tests.training import problems

RUN = "tests/training/sharded_run.py"


@pytest.fixture(scope="module")
def one_device(run_python):
    return json.loads(run_python([RUN]).stdout)


def check_the_same(found, expected) -> None:
    """The losses, the scores of the watch and the parameters it kept, those of the first measurement."""
    for name in ("losses", "scores", "kernel"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-7)
    distance = np.abs(np.array(found["kernel"]) - problems.WEIGHTS).sum(1)
    np.testing.assert_allclose(distance, found["scores"][0], rtol=1e-5)


def test_eight_devices_give_what_one_gives(run_python, one_device):
    eight = json.loads(run_python([RUN], devices=8).stdout)
    assert eight["devices"] == 8
    check_the_same(eight, one_device)


def test_two_processes_give_what_one_gives(one_device, free_address):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    started = [
        subprocess.Popen(
            [sys.executable, RUN, free_address, "2", str(rank)],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    ended = [process.communicate(timeout=240) for process in started]
    for process, (_, errors) in zip(started, ended, strict=True):
        assert process.returncode == 0, errors[-3000:]
    for output, _ in ended:
        result = json.loads(output.strip().splitlines()[-1])
        assert result["devices"] == 4
        check_the_same(result, one_device)


def test_rules_place_by_path_and_leave_the_rest_whole():
    mesh = sharding.make_mesh()
    tree = {"backbone": {"kernel": np.zeros((5, 4, 8))}, "head": {"bias": np.zeros((5, 3))}, "step": np.zeros(5)}
    placed = sharding.shardings(tree, mesh, ((r"backbone/.*kernel", (None, "model")),), leading=1)
    assert placed["backbone"]["kernel"].spec == P(None, None, "model")
    assert placed["head"]["bias"].is_fully_replicated and placed["step"].is_fully_replicated


def test_mesh_and_rules_that_do_not_divide_are_named():
    for model in (jax.device_count() + 1, 0, -1):
        with pytest.raises(JaxrecError, match=f"mesh.model {model} does not divide"):
            sharding.make_mesh(model=model)


def test_rule_that_does_not_divide_names_the_parameter(run_python):
    code = """
import numpy as np
from jaxrec.training import sharding
from jaxrec.base.errors import JaxrecError
mesh = sharding.make_mesh(model=2)
try:
    sharding.shardings({"head": np.zeros((3, 5))}, mesh, (("head", (None, "model")),))
except JaxrecError as error:
    print(error)
"""
    assert "rule for head: dimension 1 of (3, 5) does not divide over 2" in run_python(code, devices=2).stdout

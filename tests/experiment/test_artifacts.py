import json

import jax
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Trajectories
from jaxrec.experiment import artifacts
from jaxrec.experiment.artifacts import StageFolder


def test_finished_stage_is_known_again_and_a_changed_one_is_emptied(tmp_path):
    folder = StageFolder(tmp_path / "dt", "one")
    assert not folder.open()
    (tmp_path / "dt" / "result").write_text("x")
    assert not folder.open() and (tmp_path / "dt" / "result").exists()  # begun, not finished: goes on from there
    folder.finish({"seconds": 1.0})
    assert folder.open() and folder.about() == {"seconds": 1.0}
    assert not StageFolder(tmp_path / "dt", "two").open()
    assert sorted(p.name for p in (tmp_path / "dt").iterdir()) == ["stage.json"]


def test_a_folder_that_is_no_stage_is_never_deleted(tmp_path):
    (tmp_path / "dt").mkdir()
    (tmp_path / "dt" / "thesis.tex").write_text("x")
    with pytest.raises(JaxrecError, match="not a stage's"):
        StageFolder(tmp_path / "dt", "one").open()
    assert (tmp_path / "dt" / "thesis.tex").exists()


def test_busy_workdir_is_refused_and_free_again_afterwards(tmp_path, run_python):
    code = f"""
from pathlib import Path
from jaxrec.experiment import artifacts
from jaxrec.base.errors import JaxrecError
try:
    with artifacts.locked(Path({str(tmp_path)!r})):
        print("held")
except JaxrecError as error:
    print(error)
"""
    with artifacts.locked(tmp_path):
        assert "in use by another run (process" in run_python(code).stdout
    assert run_python(code).stdout.strip() == "held"


def test_arrays_round_trip_without_pickles(tmp_path):
    observation = Observation(
        *(np.arange(6).reshape(2, 3) + i for i in range(4)), vector=np.zeros((2, 3, 0), np.float32)
    )
    record = Trajectories(observation, np.ones((2, 3), np.int32), np.ones((2, 3), np.float32), np.ones((2, 3), bool))
    artifacts.save_arrays(tmp_path / "t.npz", record)
    loaded = artifacts.load_arrays(tmp_path / "t.npz", record)
    jax.tree.map(np.testing.assert_array_equal, loaded, record)
    assert jax.tree.map(lambda x: x.dtype, loaded) == jax.tree.map(lambda x: x.dtype, record)
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]


def test_fingerprint_follows_content_not_order():
    assert artifacts.digest({"a": 1, "b": (2, 3)}) == artifacts.digest({"b": [2, 3], "a": 1})
    assert artifacts.digest({"a": 1}) != artifacts.digest({"a": 2})


def test_json_is_written_whole(tmp_path):
    artifacts.write_json(tmp_path / "x.json", {"array": np.arange(2), "number": np.float32(0.5)})
    assert json.loads((tmp_path / "x.json").read_text()) == {"array": [0, 1], "number": 0.5}
    with pytest.raises(ValueError, match="Circular"):
        loop: dict = {}
        loop["self"] = loop
        artifacts.write_json(tmp_path / "x.json", loop)
    assert json.loads((tmp_path / "x.json").read_text())["number"] == 0.5

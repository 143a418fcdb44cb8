import json

import jax
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Trajectories
from jaxrec.experiment import store
from jaxrec.experiment.store import StageFolder
from jaxrec.reporting.writer import MetricsWriter, gather, read_metrics


def _folder(tmp_path, grows="", **recipe):
    return StageFolder(tmp_path / "dt", recipe, grows)


def test_a_finished_stage_is_known_again(tmp_path):
    folder = _folder(tmp_path, width=8)
    assert folder.open() == (False, "") and not folder.is_done()
    (tmp_path / "dt" / "result").write_text("x")
    assert folder.open() == (False, "") and (tmp_path / "dt" / "result").exists(), "begun, not finished: goes on"
    folder.finish({"seconds": 1.0})
    assert folder.open() == (True, "") and folder.is_done() and folder.about() == {"seconds": 1.0}


def test_a_changed_stage_is_made_anew_and_the_old_one_kept_until_then(tmp_path):
    folder = _folder(tmp_path, width=8, data="a")
    folder.open()
    (tmp_path / "dt" / "result").write_text("old")
    folder.finish({})
    changed = _folder(tmp_path, width=16, data="a")
    assert changed.open() == (False, "width 8 -> 16")
    assert [p.name for p in (tmp_path / "dt").iterdir()] == ["stage.json"]
    assert (tmp_path / "dt.old" / "result").read_text() == "old"
    (tmp_path / "dt" / "result").write_text("new")
    changed.finish({})
    assert not (tmp_path / "dt.old").exists() and changed.is_done()


def test_what_was_kept_aside_is_taken_back_when_asked_for_again(tmp_path):
    folder = _folder(tmp_path, width=8)
    folder.open()
    folder.finish({"first": True})
    _folder(tmp_path, width=16).open()
    done, why = _folder(tmp_path, width=8).open()
    assert done and "kept aside" in why and folder.about() == {"first": True} and not (tmp_path / "dt.old").exists()


def test_metrics_come_back_with_what_was_kept_aside(tmp_path):
    for width, value in ((8, 1.0), (16, 2.0)):
        _folder(tmp_path, width=width).open()
        for stage in ("dt", "other"):
            with MetricsWriter(tmp_path, stage, stages=("dt", "other")) as writer:
                writer.write(1, {"loss": np.float32([value])})
        if width == 8:
            _folder(tmp_path, width=width).finish({})
    _folder(tmp_path, width=8).open()
    gather(tmp_path, ("dt", "other"))
    found = {line["stage"]: line["mean"]["loss"] for line in read_metrics(tmp_path / "metrics.jsonl")}
    assert found == {"dt": 1.0, "other": 2.0}


@pytest.mark.parametrize("killed_in", ["finish", "open"])
def test_a_run_killed_while_it_deletes_leaves_no_part_that_is_taken_for_a_whole(tmp_path, monkeypatch, killed_in):
    folder = _folder(tmp_path, width=8)
    folder.open()
    folder.finish({})
    changed = _folder(tmp_path, width=16)
    changed.open()

    def killed(path, **_):
        if path.exists():
            next(path.iterdir()).unlink()
            raise KeyboardInterrupt

    monkeypatch.setattr(store.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        changed.finish({}) if killed_in == "finish" else _folder(tmp_path, width=32).open()
    monkeypatch.undo()
    assert _folder(tmp_path, width=16).open()[0] == (killed_in == "finish")
    again = _folder(tmp_path, width=8)
    assert again.open()[0] == (killed_in == "open"), "what was whole before is taken back, a part is made anew"
    again.finish({})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dt"]


def test_more_of_what_grows_is_added_to_what_is_there(tmp_path):
    folder = _folder(tmp_path, "num_steps", num_steps=10, width=8)
    folder.open()
    (tmp_path / "dt" / "checkpoints").mkdir()
    folder.finish({})
    more = _folder(tmp_path, "num_steps", num_steps=20, width=8)
    assert more.open() == (False, "num_steps 10 -> 20") and (tmp_path / "dt" / "checkpoints").exists()
    more.finish({})
    fewer = _folder(tmp_path, "num_steps", num_steps=5, width=8)
    assert fewer.open() == (False, "num_steps 20 -> 5") and not (tmp_path / "dt" / "checkpoints").exists()


def test_a_change_is_told_in_one_line():
    differing = store.changed(
        {"a": 1, "b": 2, "content of data": "x", "d": 4}, {"a": 1, "b": 3, "content of data": "y"}
    )
    assert differing == {"b": (2, 3), "content of data": ("x", "y"), "d": (4, None)}
    assert store.in_words(differing) == "b 2 -> 3, data changed, d 4 -> None"
    assert store.in_words({str(n): (0, 1) for n in range(5)}).endswith("and 2 more")


def test_a_recipe_read_back_is_the_one_written(tmp_path):
    recipe = {"ks": (1, 2), "rate": 0.1, "none": None, "nested": {"a": (1.0,)}}
    StageFolder(tmp_path / "dt", recipe).open()
    assert store.changed(json.loads((tmp_path / "dt" / "stage.json").read_text())["recipe"], recipe) == {}


def test_a_folder_that_is_no_stage_is_never_deleted(tmp_path):
    (tmp_path / "dt").mkdir()
    (tmp_path / "dt" / "thesis.tex").write_text("x")
    with pytest.raises(JaxrecError, match="not a stage's"):
        _folder(tmp_path).open()
    assert (tmp_path / "dt" / "thesis.tex").exists()


def test_a_fingerprint_is_of_content_type_and_structure():
    array = np.arange(6, dtype=np.int32)
    same = store.fingerprint({"a": array, "b": np.array(["x", "y"])})
    assert store.fingerprint(
        {"a": array.copy(), "b": np.array(["x", "y"], object)}
    ) != "" and same == store.fingerprint({"a": array.copy(), "b": np.array(["x", "y"])})
    others = [
        {"a": array.astype(np.int64), "b": np.array(["x", "y"])},
        {"a": array.reshape(2, 3), "b": np.array(["x", "y"])},
        {"a": array, "b": np.array(["x", "z"])},
        {"a": array, "c": np.array(["x", "y"])},
        {"a": array + 1, "b": np.array(["x", "y"])},
    ]
    assert len({same, *map(store.fingerprint, others)}) == 6


def test_busy_workdir_is_refused_and_free_again_afterwards(tmp_path, run_python):
    code = f"""
from pathlib import Path
from jaxrec.experiment import store
from jaxrec.base.errors import JaxrecError
try:
    with store.locked(Path({str(tmp_path)!r})):
        print("held")
except JaxrecError as error:
    print(error)
"""
    with store.locked(tmp_path):
        assert "in use by another run (process" in run_python(code).stdout
    assert run_python(code).stdout.strip() == "held"


def test_arrays_round_trip_without_pickles(tmp_path):
    observation = Observation(
        *(np.arange(6).reshape(2, 3) + i for i in range(4)), vector=np.zeros((2, 3, 0), np.float32)
    )
    record = Trajectories(observation, np.ones((2, 3), np.int32), np.ones((2, 3), np.float32), np.ones((2, 3), bool))
    store.save_arrays(tmp_path / "t.npz", record)
    loaded = store.load_arrays(tmp_path / "t.npz", record)
    jax.tree.map(np.testing.assert_array_equal, loaded, record)
    assert jax.tree.map(lambda x: x.dtype, loaded) == jax.tree.map(lambda x: x.dtype, record)
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]


def test_json_is_written_whole(tmp_path):
    store.write_json(tmp_path / "x.json", {"array": np.arange(2), "number": np.float32(0.5)})
    assert json.loads((tmp_path / "x.json").read_text()) == {"array": [0, 1], "number": 0.5}
    with pytest.raises(ValueError, match="Circular"):
        loop: dict = {}
        loop["self"] = loop
        store.write_json(tmp_path / "x.json", loop)
    assert json.loads((tmp_path / "x.json").read_text())["number"] == 0.5

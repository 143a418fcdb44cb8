"""A finished run with any one of its files damaged: one line that says what, where and what to do, or, of what is only
made for people, the same file again. Nothing damaged is shown or learned from."""

from __future__ import annotations

import io
import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.config import declare
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import CHECKPOINTS
from jaxrec.reporting.progress import Progress
from jaxrec.reporting.writer import FILE
from tests.experiment import tiny


def _config(path: Path):
    """A model, its item vectors, and its ranking."""
    config = tiny.sequences_config(path)
    config.checkpoint_seconds = 0.0
    config.stages.vectors = declare.transform("model", "item_vectors", rows_per_shard=4)
    config.order = ("model", "vectors", "evaluation")
    return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(config, workdir, recipes, tables, file below the workdir -> content) of a finished run."""
    folder = tmp_path_factory.mktemp("damage")
    tiny.write_log(folder / "log.csv")
    config, workdir = _config(folder / "log.csv"), folder / "run [1] *? 100%#:é"  # a name like any other
    experiment.run(config, workdir)
    resources = Resources(config, workdir)
    recipes = {name: resources.recipe(name) for name in config.order}
    tables = experiment.run(config, workdir)
    found = {path.relative_to(workdir): path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    return config, workdir, recipes, tables, found


def _flipped_digit(content: bytes) -> bytes:
    place = next(i for i in range(len(content) // 2, len(content)) if content[i : i + 1].isdigit())
    return content[:place] + b"%d" % ((content[place] - 48 + 1) % 10) + content[place + 1 :]


def _flipped_bytes(content: bytes) -> bytes:
    places = {len(content) * n // 7 for n in range(7)}
    return bytes(byte ^ 0x40 if place in places else byte for place, byte in enumerate(content))


DAMAGES = {
    "cut in half": lambda content: content[: len(content) // 2],
    "its last byte cut off": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "flipped bytes": _flipped_bytes,
    "a flipped digit": lambda content: _flipped_digit(content + b" 0")[: max(len(content), 1)],
    "a list": lambda content: b"[[1, 2], [3]]",
    "an empty table": lambda content: b"{}",
    "empty": lambda content: b"",
    "deep": lambda content: b"[" * 100_000,
    "deleted": None,
    "a folder": None,
}


def _damage(path: Path, kind: str, content: bytes) -> bool:
    """Damages a file; False where that would change nothing."""
    made = DAMAGES[kind]
    if made is None:
        path.unlink()
        if kind == "a folder":
            path.mkdir()
        return True
    path.write_bytes(made(content))
    return made(content) != content


def _mend(path: Path, content: bytes) -> None:
    shutil.rmtree(path) if path.is_dir() else None
    path.write_bytes(content)


def _open_all(config, workdir, recipes) -> None:
    """What a start of the finished run does before it shows anything, without loading the data anew."""
    resources = Resources(config, workdir)
    for name, recipe in recipes.items():
        resources.once(("recipe", name), lambda recipe=recipe: recipe)
    for number, name in enumerate(config.order, 1):
        experiment._run_stage(resources, number, name, Progress(io.StringIO()))


def _of_stages(finished) -> dict[Path, bytes]:
    config, *_, found = finished
    return {
        path: content
        for path, content in found.items()
        if path.parts[0] in config.order and CHECKPOINTS not in path.parts
    }


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_damaged_file_of_a_stage_is_named_in_one_line(finished, kind):
    config, workdir, recipes, _, _ = finished
    _open_all(config, workdir, recipes)
    for name, content in _of_stages(finished).items():
        path, folder = workdir / name, workdir / name.parts[0]
        if kind == "deleted" and name.name == "done.json":
            continue  # as of a run that was killed: see below
        try:
            if not _damage(path, kind, content):
                continue
            with pytest.raises(JaxrecError) as error:
                _open_all(config, workdir, recipes)
        finally:
            _mend(path, content)
        said = str(error.value)
        assert said.startswith(str(path)) and "\n" not in said, (said, name)
        assert said.endswith(f"; delete the folder {folder}, and the same command makes it again"), said
    _open_all(config, workdir, recipes)


def test_the_files_of_every_kind_were_tried(finished):
    names = {path.name for path in _of_stages(finished)}
    expected = {
        "stage.json",
        "done.json",
        "results.json",
        "sessions.npz",
        "sweeps.json",
        "shards.json",
        "manifest.json",
    }
    assert expected | {FILE, "item_vectors_000000000000_000000000004.npz", "_METADATA"} <= names


def test_a_copy_of_another_file_is_no_file_of_a_stage(finished):
    """Each is whole, and yet not the file whose name it has."""
    config, workdir, recipes, _, found = finished
    of_stages = {name: content for name, content in found.items() if name.parts[0] in config.order}
    sealed = {name: content for name, content in of_stages.items() if b'"checksum": "' in content}
    assert len(sealed) == 9  # two of each stage, and the manifests of two checkpoints and of the parameters
    for name, other in itertools.permutations(sealed, 2):
        if CHECKPOINTS in name.parts or name.name == other.name == "stage.json" or sealed[name] == sealed[other]:
            continue  # a stage of another recipe is made again
        _mend(workdir / name, sealed[other])
        with pytest.raises(JaxrecError, match="; delete the folder"):
            _open_all(config, workdir, recipes)
        _mend(workdir / name, sealed[name])


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_is_only_made_for_people_is_made_again(finished, kind):
    config, workdir, _, tables, found = finished
    shown = {path: content for path, content in found.items() if len(path.parts) == 1}
    assert {Path(name) for name in ("config.json", "metrics.jsonl", "report.md", ".lock")} < set(shown)
    if kind == "a folder":
        for name, content in shown.items():
            _damage(workdir / name, kind, content)
            with pytest.raises(JaxrecError, match=f"{name} is a folder where a file must be written; delete it"):
                experiment.run(config, workdir)
            _mend(workdir / name, content)
        return
    for name, content in found.items():
        if len(name.parts) == 1 or name.parts[0] == "tensorboard":
            _damage(workdir / name, kind, content)
    assert experiment.run(config, workdir) == tables
    assert {name: (workdir / name).read_bytes() for name in shown} == shown


def test_a_stage_without_its_last_file_is_finished_again(finished, tmp_path):
    config, workdir, _, tables, _ = finished
    again = shutil.copytree(workdir, tmp_path / "run")
    for name in config.order:
        (again / name / "done.json").unlink()
    assert _numbers(experiment.run(config, again)) == _numbers(tables)
    for name in ("evaluation/results.json", "model/metrics.jsonl", "metrics.jsonl"):
        assert (again / name).read_bytes() == (workdir / name).read_bytes(), name


def _numbers(tables: str) -> str:
    return tables[: tables.index("report:")]


def test_a_deleted_stage_is_made_again_as_it_was(finished, tmp_path):
    config, workdir, _, tables, _ = finished
    again = shutil.copytree(workdir, tmp_path / "run")
    shutil.rmtree(again / "model")
    assert _numbers(experiment.run(config, again)) == _numbers(tables)
    assert (again / "metrics.jsonl").read_bytes() == (workdir / "metrics.jsonl").read_bytes()


def test_a_damaged_checkpoint_of_a_finished_fit_is_told_when_more_steps_are_asked_for(finished, tmp_path, capsys):
    """The one before is used: the parameters are those of an undamaged run with as many steps."""
    config, workdir, _, _, _ = finished
    more = config.copy_and_resolve_references()
    more.stages.model.num_steps, more.order = 6, ("model",)
    found = []
    for kind in ("", "flipped bytes"):
        again = shutil.copytree(workdir, tmp_path / f"run {kind}")
        for path in (again / "model" / CHECKPOINTS).glob("step_*4/arrays/_METADATA"):
            assert not kind or _damage(path, kind, path.read_bytes())
        experiment.run(more, again)
        assert (f"step 4 in {again / 'model' / CHECKPOINTS} is damaged" in capsys.readouterr().err) == bool(kind)
        found.append(Resources(more, again).fitted("model").params["output"]["table"])
    np.testing.assert_array_equal(*found)


def test_a_run_of_an_earlier_version_is_refused(finished, tmp_path):
    config, workdir, recipes, _, _ = finished
    again = shutil.copytree(workdir, tmp_path / "run")
    (again / "model" / "stage.json").write_text(json.dumps({"recipe": recipes["model"]}))
    with pytest.raises(JaxrecError, match=r"stage.json has no checksum: .*an earlier version.*; delete the folder"):
        _open_all(config, again, recipes)


def test_a_damaged_artifact_of_another_run_is_not_started_from(finished, tmp_path):
    config, workdir, _, _, found = finished
    other = shutil.copytree(workdir, tmp_path / "other")
    config = config.copy_and_resolve_references()
    config.stages.model.start_from, config.order = str(other / "model"), ("model",)
    (path,) = (other / "model" / "params").rglob("_METADATA")
    for name in (path.relative_to(other), Path("model/done.json"), Path("model/stage.json")):
        _damage(other / name, "flipped bytes", found[name])
        with pytest.raises(JaxrecError, match=f"{other / name} is damaged; delete the folder {other}.* of its run"):
            experiment.run(config, tmp_path / "run")
        _mend(other / name, found[name])
    assert not (tmp_path / "run").exists()

"""Runs killed at every file operation of opening and finishing a stage: what they leave is never taken for a stranger's
or for a whole, and the next start ends as an unbroken one."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import pathlib

import numpy as np
import pytest

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import store
from jaxrec.experiment.store import StageFolder
from jaxrec.reporting.writer import MetricsWriter, gather

# A killed process leaves files open that this one goes on with.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{warning}")
    for warning in ("pytest.PytestUnraisableExceptionWarning", "ResourceWarning")
]
OPERATIONS = ("replace", "rename", "unlink", "rmdir", "mkdir")


class Killed(BaseException):
    """Stands for SIGKILL: from then on no file is touched, not even by a `finally`."""


class Kill:
    """Kills before file operation number `at`; a file being written then is left empty or half-written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int):
        self._at, self.count = at, 0
        for name in OPERATIONS:
            monkeypatch.setattr(os, name, self._counted(getattr(os, name)))
        monkeypatch.setattr(io, "open", self._opened(io.open))
        monkeypatch.setattr(pathlib.Path, "write_text", lambda path, text, **options: self._write(path, text, options))

    def _step(self) -> None:
        self.count += 1
        if self.count > self._at:
            raise Killed

    def _counted(self, operation):
        def counted(*arguments, **options):
            self._step()
            return operation(*arguments, **options)

        return counted

    def _opened(self, open_):
        def opened(file, mode="r", *rest, **options):
            if set(mode) & set("wax+"):
                self._step()
            return open_(file, mode, *rest, **options)

        return opened

    def _write(self, path, text, options):
        with open(path, "w", **options) as file:
            file.write(text[: len(text) // 2])
            file.flush()
            self._step()
            file.write(text[len(text) // 2 :])


def _stage(workdir, width: int, num_steps: int = 2) -> None:
    """A stage that leaves an array, results and metrics; one with more steps adds to what is there."""
    store.remove_parts(workdir, ("dt",))
    folder = StageFolder(workdir / "dt", {"width": width, "num_steps": num_steps}, "num_steps")
    if not folder.open()[0]:
        with MetricsWriter(workdir, "dt", stages=("dt",)) as writer:
            for step in range(1, num_steps + 1):
                writer.write(step, {"loss": np.float32([width * step])})
        store.save_npz(folder.path / "array.npz", {"a": np.full(3, width)})
        store.write_json(folder.path / "results.json", {"width": width})
        folder.finish({"seconds": 1.0})
    folder.check()
    gather(workdir, ("dt",))


def _state(workdir) -> dict[str, bytes]:
    """What a run leaves, without event files, which have times in them."""
    found = {str(path.relative_to(workdir)): path for path in workdir.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith("tensorboard")}


@pytest.fixture(autouse=True)
def _no_events(monkeypatch):
    """TensorBoard's files are not what is tested, and their threads would go on after the kill."""
    monkeypatch.setattr("tensorboardX.SummaryWriter", lambda *_, **__: _Silent())


class _Silent:
    def add_scalar(self, *_):
        pass

    close = add_scalar


def _attempt(workdir, at: int, **asked) -> int:
    """Runs the stage, killed at operation `at`; returns how many operations there were."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        kill = Kill(monkeypatch, at)
        with contextlib.suppress(Killed):
            _stage(workdir, **asked)
    return kill.count


BEFORE = {
    "nothing before": [],
    "another stage before": [{"width": 1}],
    "fewer steps before": [{"width": 8, "num_steps": 1}],
}


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("before", BEFORE)
def test_killed_at_every_file_operation(tmp_path, before, times):
    def begun(name):
        workdir = tmp_path / name
        workdir.mkdir()
        for asked in BEFORE[before]:
            _stage(workdir, **asked)
        return workdir

    unbroken = begun("unbroken")
    operations = _attempt(unbroken, 10**6, width=8)
    assert operations > 10 and set(_state(unbroken)) == {
        "metrics.jsonl", "dt/stage.json", "dt/done.json", "dt/array.npz", "dt/results.json", "dt/metrics.jsonl",
    }  # fmt: skip
    for at in range(operations):
        workdir = begun(str(at))
        for again in range(times):
            _attempt(workdir, max(at - again, 0) if again % 2 else at, width=8)
        _stage(workdir, width=8)
        assert _state(workdir) == _state(unbroken), at


def test_killed_between_two_changes_of_mind(tmp_path):
    """Asked for one thing, then for another, killed each time: the last that is asked for is what is there."""
    for first, second in itertools.product(range(0, 40, 3), range(0, 40, 5)):
        workdir = tmp_path / f"{first}_{second}"
        workdir.mkdir()
        _stage(workdir, width=1)
        _attempt(workdir, first, width=2)
        _attempt(workdir, second, width=1)
        _stage(workdir, width=2)
        assert json.loads((workdir / "dt" / "results.json").read_text()) == {"width": 2}
        assert sorted(path.name for path in workdir.iterdir()) == ["dt", "metrics.jsonl"], (first, second)


def test_what_is_left_of_writing_the_mark_is_the_run_s_own(tmp_path):
    (tmp_path / "dt").mkdir()
    (tmp_path / "dt" / "stage.json.part").write_text('{"rec')
    assert StageFolder(tmp_path / "dt", {}).open() == (False, "")
    for name in ("config.json", "report.md", "curves.png", "dt/shard.npz", "film.mkv"):
        (tmp_path / f"{name}{files.PART}").write_text("half")
    store.remove_parts(tmp_path, ("dt",))
    left = [path.name for path in tmp_path.rglob(f"*{files.PART}")]
    assert left == ["film.mkv.part"], "what no run writes is not a run's"


def test_a_file_or_an_unmarked_stage_in_the_place_of_a_stage_is_named(tmp_path):
    (tmp_path / "dt").write_text("notes")
    with pytest.raises(JaxrecError, match="dt is a file where the folder of a stage belongs"):
        _stage(tmp_path, width=8)
    assert (tmp_path / "dt").read_text() == "notes"

"""Runs that are killed, told to stop, or run out of disk: the same command goes on and ends as if nothing had
happened."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from jaxrec.reporting.writer import read_metrics
from jaxrec.training.checkpoint import Checkpoints
from tests.conftest import REPOSITORY

CONFIG = "tests/experiment/tiny.py"


def _start(
    workdir: Path, *flags: str, file_limit: int = resource.RLIM_INFINITY, before: str = "", **options
) -> subprocess.Popen:
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({file_limit}, {file_limit}))\n"
    program = limited + before + "import runpy; runpy.run_module('jaxrec.main', run_name='__main__')"
    return subprocess.Popen(
        [sys.executable, "-c", program, f"--config={CONFIG}", f"--workdir={workdir}", *flags],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def _finish(workdir: Path) -> str:
    process = _start(workdir)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors[-3000:]
    return output


def _wait_for_lines(workdir: Path, count: int) -> None:
    path, until = workdir / "metrics.jsonl", time.monotonic() + 200
    while time.monotonic() < until:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.01)
    raise AssertionError("the run wrote no metrics")


def _outcome(workdir: Path) -> tuple[bytes, dict]:
    results = json.loads((workdir / "evaluation" / "results.json").read_text())
    return (workdir / "metrics.jsonl").read_bytes(), results


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("unbroken")
    table = _finish(workdir)
    return workdir, table, _outcome(workdir)


def test_leaves_config_metrics_report_and_table(unbroken):
    workdir, table, _ = unbroken
    assert "a2c" in table and "R_cumu" in table and "±" in table
    assert {"config.json", "metrics.jsonl", "report.md", "a2c", "log", "evaluation"} <= {
        p.name for p in workdir.iterdir()
    }
    assert not list(workdir.rglob("*.part"))


def test_a_finished_run_prints_its_table_at_once(unbroken):
    workdir, table, outcome = unbroken
    assert _finish(workdir) == table
    assert _outcome(workdir) == outcome


def test_a_checkpoint_of_another_network_is_refused_before_anything_is_made(unbroken, tmp_path):
    process = _start(
        tmp_path / "new", f"--config.stages.a2c.start_from={unbroken[0]}/a2c", "--config.stages.a2c.algorithm.width=8"
    )
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2 and "stage 'a2c': checkpoint of step 24" in errors and "Traceback" not in errors
    assert "of another catalogue or network" in errors and not (tmp_path / "new").exists()


@pytest.mark.parametrize("lines", [3, 12])
def test_killed_and_resumed_equals_unbroken_bit_for_bit(unbroken, tmp_path, lines):
    process = _start(tmp_path)
    _wait_for_lines(tmp_path, lines)
    process.kill()
    process.communicate()
    _finish(tmp_path)
    assert _outcome(tmp_path) == unbroken[2]


def test_sigterm_saves_and_leaves_quietly(unbroken, tmp_path):
    process = _start(tmp_path)
    _wait_for_lines(tmp_path, 3)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors and "the same command goes on from there" in errors
    _finish(tmp_path)
    assert _outcome(tmp_path) == unbroken[2]


def test_a_closed_terminal_saves_as_sigterm_does(tmp_path):
    """The terminal is really closed: the kernel sends SIGHUP, and writing to it is an error from then on."""
    ours, theirs = os.openpty()
    lead = "import os, signal; os.close(os.open(os.ttyname(0), os.O_RDWR))\n"  # a terminal of the process's own
    lead += "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # whatever `nohup` the tests may run under
    process = _start(tmp_path, before=lead, start_new_session=True, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    reader = threading.Thread(target=_read_all, args=(ours,))
    reader.start()
    _wait_for_lines(tmp_path, 3)
    os.close(ours)
    assert process.wait(timeout=120) == 128 + signal.SIGTERM
    reader.join()
    assert not (tmp_path / "report.md").exists()
    steps, lines = Checkpoints(tmp_path / "a2c" / "checkpoints").steps(), read_metrics(tmp_path / "metrics.jsonl")
    assert steps and steps[-1] == lines[-1]["step"], "what was learned is saved, for a run like the one after SIGTERM"


def _read_all(terminal: int) -> None:
    """Reads what is shown, or the process would wait for room; until the terminal is closed."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 4096):
            pass


def test_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(unbroken, tmp_path):
    process = _start(tmp_path, file_limit=4096)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 2
    said = [line for line in errors.splitlines() if line.startswith("error:")]
    assert len(said) == 1 and "could not be written" in said[0] and "Traceback" not in errors
    _finish(tmp_path)
    assert _outcome(tmp_path) == unbroken[2]


def test_busy_workdir_is_refused(tmp_path):
    first = _start(tmp_path)
    try:
        _wait_for_lines(tmp_path, 1)
        second = _start(tmp_path)
        _, errors = second.communicate(timeout=120)
    finally:
        first.kill()
        first.communicate()
    assert second.returncode == 2 and "in use by another run" in errors and "Traceback" not in errors


def test_a_damaged_file_of_a_finished_run_is_one_line(unbroken, tmp_path):
    workdir = shutil.copytree(unbroken[0], tmp_path / "run")
    trajectories = workdir / "log" / "trajectories.npz"
    content = bytearray(trajectories.read_bytes())
    content[len(content) // 2] ^= 1
    trajectories.write_bytes(content)
    process = _start(workdir)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 2 and output == ""
    remedy = f"delete the folder {workdir / 'log'}, and the same command makes it again"
    assert errors.splitlines() == ["[1/4] a2c: done before", f"error: {trajectories} is damaged; {remedy}"]


def _start_both(workdir: Path, address: str) -> list[subprocess.Popen]:
    shared = (f"--coordinator={address}", "--num_processes=2")
    return [_start(workdir, *shared, f"--process_id={rank}") for rank in range(2)]


def test_two_processes_stop_together_and_end_as_one_does(unbroken, tmp_path, free_address):
    processes = _start_both(tmp_path, free_address)
    _wait_for_lines(tmp_path, 3)
    processes[1].send_signal(signal.SIGTERM)
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [128 + signal.SIGTERM] * 2, errors

    ended = [process.communicate(timeout=300) for process in _start_both(tmp_path, free_address)]
    tables = [output[output.find("FB\n") :] for output, _ in ended]  # gloo greets on stdout first
    assert tables[0] == tables[1] and "a2c" in tables[0], ended[1][1][-3000:]
    metrics, results = _outcome(tmp_path)
    assert metrics.count(b"\n") == unbroken[2][0].count(b"\n")
    assert not list(tmp_path.rglob("*.part"))
    for policy, expected in unbroken[2][1].items():
        for name, values in expected.items():
            np.testing.assert_allclose(results[policy][name], values, rtol=1e-4, err_msg=f"{policy} {name}")

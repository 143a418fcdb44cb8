"""What is on disk: exact lines, whole after a cut, and the same after a resumed run as after an unbroken one."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
from tensorboardX.proto import event_pb2

from jaxrec.base.errors import JaxrecError
from jaxrec.reporting.writer import MetricsWriter, curve, gather, read_metrics

STAGES = ("user_model", "first", "dt")


def _values(step):
    return {"loss/total": np.float32([0.1, 0.3]) * step, "episode/return": np.float32([[1, 2, 3], [3, 4, 5]]) + step}


def _run(folder, steps, stage="dt", first_step=0, said=None):
    report = print if said is None else said.append
    with MetricsWriter(folder, stage, first_step=first_step, stages=STAGES, report=report) as writer:
        for step in steps:
            writer.write(step, _values(step))


def _events(folder):
    """(step, tag, value) of every scalar in a folder's event files: length, CRC, record, CRC."""
    scalars = []
    for path in sorted(folder.glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 8], "little")
            event = event_pb2.Event.FromString(data[at + 12 : at + 12 + size])
            at += size + 16
            scalars += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    return scalars


def test_a_line(tmp_path):
    with MetricsWriter(tmp_path, "dt") as writer:
        means = writer.write(10, {"b": np.float32([[0.1, 0.1], [0.3, 0.5]]), "a": np.float32([1.0, np.inf])})
    assert means["b"] == pytest.approx(0.25)
    row = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert row.pop("crc32") == f"{zlib.crc32(json.dumps(row).encode()):08x}"
    assert row == {
        "stage": "dt",
        "step": 10,
        "mean": {"a": None, "b": 0.25},
        "seeds": {"a": [1.0, None], "b": [0.1, 0.4]},
    }


def test_tensorboard_holds_the_means(tmp_path):
    _run(tmp_path, [1, 2])
    expected = [(1, "episode/return", 4.0), (1, "loss/total", 0.2), (2, "episode/return", 5.0), (2, "loss/total", 0.4)]
    found = _events(tmp_path / "tensorboard" / "dt")
    assert [(step, tag) for step, tag, _ in found] == [(step, tag) for step, tag, _ in expected]
    np.testing.assert_allclose([value for *_, value in found], [value for *_, value in expected], rtol=1e-6)


def test_resumed_file_equals_an_unbroken_one(tmp_path):
    for folder in ("whole", "cut"):
        _run(tmp_path / folder, [10, 20], stage="first")
    _run(tmp_path / "whole", [10, 20, 30, 40])
    _run(tmp_path / "cut", [10, 20, 30])
    for file in ("metrics.jsonl", "dt/metrics.jsonl"):
        with (tmp_path / "cut" / file).open("a") as opened:
            opened.write('{"stage": "dt", "step": 40, "me')  # killed while writing
    _run(tmp_path / "cut", [30, 40], first_step=20)
    whole, cut = ((tmp_path / f / "metrics.jsonl").read_bytes() for f in ("whole", "cut"))
    assert whole == cut and whole.count(b"\n") == 6


def test_a_stage_begun_again_leaves_the_others_alone(tmp_path):
    _run(tmp_path, [1, 2], stage="user_model")
    _run(tmp_path, [1, 2], stage="dt")
    _run(tmp_path, [1], stage="user_model")
    found = [(row["stage"], row["step"]) for row in read_metrics(tmp_path / "metrics.jsonl")]
    assert sorted(found) == [("dt", 1), ("dt", 2), ("user_model", 1)]


def test_a_silent_writer_writes_nothing(tmp_path):
    with MetricsWriter(tmp_path / "none", "dt", enabled=False) as writer:
        assert writer.write(1, {"a": [1.0, 2.0]}) == {"a": 1.5}
    assert not (tmp_path / "none").exists()


def test_a_line_is_on_disk_before_the_next_one(tmp_path):
    writer = MetricsWriter(tmp_path, "dt")
    writer.write(1, _values(1))
    assert len(read_metrics(tmp_path / "metrics.jsonl")) == 1
    writer.close()


def test_curves_come_back_by_seed(tmp_path):
    _run(tmp_path, [1, 2, 4])
    steps, values = curve(read_metrics(tmp_path / "metrics.jsonl"), "dt", "loss/total")
    np.testing.assert_array_equal(steps, [1, 2, 4])
    np.testing.assert_allclose(values, [[0.1, 0.2, 0.4], [0.3, 0.6, 1.2]], rtol=1e-6)
    assert curve([], "dt", "loss/total")[1].size == 0


def test_a_damaged_line_is_named(tmp_path):
    _run(tmp_path, [1, 2, 3])
    path = tmp_path / "metrics.jsonl"
    for old, new in (('"step": 2', '"step": 5'), ("0.2", "0.7"), ("{", "["), ("crc32", "crc33")):
        first, second, third = path.read_text().splitlines(keepends=True)
        path.write_text(first + second.replace(old, new) + third)
        with pytest.raises(JaxrecError, match="metrics.jsonl line 2 is not a line of metrics, or is damaged"):
            read_metrics(path)
        path.write_text(first + second + third)
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(JaxrecError, match="line 1"):
        read_metrics(path)


def test_a_resumed_stage_says_which_lines_it_lacks(tmp_path):
    _run(tmp_path, [1], stage="user_model")
    _run(tmp_path, [10, 20, 30])
    path, said = tmp_path / "dt" / "metrics.jsonl", []
    whole = path.read_text()
    path.write_text(whole.replace('"step": 10', '"step": 11'))
    _run(tmp_path, [40], first_step=30, said=said)
    assert said == [f"  {path} has 1 damaged lines; the curves lack these steps"]
    assert [line["step"] for line in read_metrics(path)] == [20, 30, 40]
    path.write_text(whole[: len(whole) // 2])
    _run(tmp_path, [40], first_step=30, said=said)
    path.unlink()
    _run(tmp_path, [40], first_step=30, said=said)
    assert [line.split(" has ")[1].split(";")[0] for line in said[1:]] == [
        "no lines after step 10 and up to 30",
        "no lines after step 0 and up to 30",
    ]


def test_what_is_shown_of_all_stages_is_gathered_from_each(tmp_path):
    for stage in ("first", "dt", "renamed"):
        _run(tmp_path, [1], stage=stage)
    path = tmp_path / "metrics.jsonl"
    gather(tmp_path, ("dt", "first", "never_run"))
    assert [line["stage"] for line in read_metrics(path)] == ["dt", "first"], "no lines of a stage that is no more"
    whole = path.read_bytes()
    for damage in (b"", b"\0" * 100, whole[:-100]):
        path.write_bytes(damage)
        gather(tmp_path, ("dt", "first"))
        assert path.read_bytes() == whole
    written = path.stat().st_mtime_ns
    gather(tmp_path, ("dt", "first"))
    assert path.stat().st_mtime_ns == written

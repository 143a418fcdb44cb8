"""Metrics on disk: one JSON object per line, and TensorBoard event files.

A stage keeps its lines in `workdir/<stage>/metrics.jsonl`. For people, `workdir/metrics.jsonl` holds the lines of all
stages; nothing reads it back, and it is gathered anew from those of the stages.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError

FILE = "metrics.jsonl"


def _number(value: Any) -> float | None:
    """Shortens to the fewest decimals that give the float32 back; None for NaN and infinity, which JSON lacks."""
    return float(str(np.float32(value))) if math.isfinite(value) else None


class MetricsWriter:
    """Appends a stage's metrics to its metrics.jsonl and the workdir's; a resumed run leaves what an unbroken one does.

        {"stage": "dt", "step": 200, "mean": {"loss": 0.41}, "seeds": {"loss": [0.4, 0.42]}, "crc32": "5f0c2a91"}

    Args:
      workdir: the stage's folder in it is created where it is missing.
      stage: its name, in every line.
      first_step: the step from which the stage starts or resumes. Lines of later steps, which a run that was cut off
        left behind, are deleted.
      stages: those of the run, in their order.
      report: told, in one line, of damaged lines that are left out.
      enabled: False writes nothing, as in every process of a distributed run but the first.
    """

    def __init__(
        self,
        workdir: Path,
        stage: str,
        *,
        first_step: int = 0,
        stages: Sequence[str] = (),
        report: Callable[[str], None] = print,
        enabled: bool = True,
    ):
        self._stage, self._files, self._events = stage, [], None
        if not enabled:
            return
        (workdir / stage).mkdir(parents=True, exist_ok=True)
        path = workdir / stage / FILE
        _cut(path, first_step, report)
        gather(workdir, stages or (stage,))
        self._files = [path.open("a", encoding="utf-8"), (workdir / FILE).open("a", encoding="utf-8")]
        from tensorboardX import SummaryWriter

        self._events = SummaryWriter(str(workdir / "tensorboard" / stage), purge_step=first_step + 1)

    def write(self, step: int, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Writes one line and returns the means over seeds.

        Args:
          step: the number of steps done so far.
          metrics: name -> [S], or [S, n] to be averaged over the n steps before `step`.
        """
        seeds = {name: _per_seed(values) for name, values in sorted(metrics.items())}
        means = {name: float(values.mean()) for name, values in seeds.items()}
        if self._files:
            line = {"stage": self._stage, "step": int(step), "mean": {k: _number(v) for k, v in means.items()}}
            line["seeds"] = {name: [_number(v) for v in values] for name, values in seeds.items()}
            for name, value in means.items():
                self._events.add_scalar(name, value, int(step))
            for file in self._files:
                file.write(_text(line))
                file.flush()  # a checkpoint may follow at once; a killed process must not lose the line before it
        return means

    def close(self) -> None:
        """Closes both files; a second call does nothing."""
        if self._files:
            for file in self._files:
                file.close()
            self._events.close()
            self._files = []

    def __enter__(self) -> MetricsWriter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _per_seed(values: Any) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values.reshape(len(values), -1).mean(axis=1) if values.ndim else values[None]


def _text(line: Mapping[str, Any]) -> str:
    """A line as it is written, with the CRC-32 of its text before that was added."""
    return json.dumps({**line, "crc32": f"{zlib.crc32(json.dumps(line).encode()):08x}"}) + "\n"


def _line(text: str) -> dict[str, Any] | None:
    """What a whole line says; None where the text is not one that `_text` gives."""
    try:
        line = json.loads(text)
        del line["crc32"]
        return line if _text(line) == text else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _texts(path: Path) -> list[str]:
    """The lines of a file, without a last one that was cut off while it was written."""
    *whole, rest = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return [text + "\n" for text in whole]


def _cut(path: Path, first_step: int, report: Callable[[str], None]) -> None:
    """Rewrites a stage's file with its lines up to `first_step`; a damaged line is left out, and that is said."""
    lines = [_line(text) for text in _texts(path)] if path.exists() else []
    kept = [line for line in lines if line is not None and line["step"] <= first_step]
    damaged = lines.count(None)
    last = kept[-1]["step"] if kept else 0
    if damaged or last < first_step:
        lost = f"{damaged} damaged lines" if damaged else f"no lines after step {last} and up to {first_step}"
        report(f"  {path} has {lost}; the curves lack these steps")
    files.write_text(path, "".join(map(_text, kept)))


def adopt(workdir: Path, stage: str, part: str) -> None:
    """Makes the lines of a part of a stage, written as the stage 'stage/part', those of the stage."""
    lines = filter(None, map(_line, _texts(workdir / stage / part / FILE)))
    files.write_text(workdir / stage / FILE, "".join(_text({**line, "stage": stage}) for line in lines))


def gather(workdir: Path, stages: Iterable[str]) -> None:
    """Writes `workdir/metrics.jsonl`, where it is not so yet, from the lines of the stages, in the order of stages."""
    paths = [workdir / stage / FILE for stage in stages]
    text = "".join(path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file())
    path = workdir / FILE
    if not path.is_file() or path.read_bytes() != text.encode():
        files.write_text(path, text)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Reads the lines of a metrics.jsonl in order, without a last line that was cut off while it was written.

    Raises:
      JaxrecError: any other line is not as it was written.
    """
    lines = []
    for number, text in enumerate(_texts(path), start=1):
        line = _line(text)
        if line is None:
            raise JaxrecError(f"{path} line {number} is not a line of metrics, or is damaged; delete the line")
        lines.append(line)
    return lines


def curve(lines: list[dict[str, Any]], stage: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Extracts one metric of one stage over training.

    Args:
      lines: what `read_metrics` gives.

    Returns:
      Steps int [P] and values [S, P], NaN where the metric was not finite; both empty where it was never written.
    """
    points = [(line["step"], line["seeds"][name]) for line in lines if line["stage"] == stage and name in line["seeds"]]
    if not points:
        return np.zeros(0, int), np.zeros((0, 0))
    steps, values = zip(*points, strict=True)
    return np.asarray(steps), np.asarray([[math.nan if v is None else v for v in seeds] for seeds in values]).T

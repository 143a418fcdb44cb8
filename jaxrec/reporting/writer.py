"""Metrics on disk: `metrics.jsonl`, one JSON object per line, and TensorBoard event files beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError

_FILE = "metrics.jsonl"


def _number(value: Any) -> float | None:
    """Shortens to the fewest decimals that give the float32 back; None for NaN and infinity, which JSON lacks."""
    return float(str(np.float32(value))) if math.isfinite(value) else None


class MetricsWriter:
    """Appends a stage's metrics to `workdir/metrics.jsonl`; a resumed run leaves the same file as an unbroken run.

        {"stage": "dt", "step": 200, "mean": {"loss/total": 0.41}, "seeds": {"loss/total": [0.4, 0.42]}}

    Args:
      workdir: created where it is missing.
      stage: its name, in every line.
      first_step: the step from which the stage starts or resumes. Lines of later steps, which a run that was cut off
        left behind, are deleted.
      enabled: False writes nothing, as in every process of a distributed run but the first.
    """

    def __init__(self, workdir: Path, stage: str, *, first_step: int = 0, enabled: bool = True):
        self._stage, self._file, self._events = stage, None, None
        if not enabled:
            return
        workdir.mkdir(parents=True, exist_ok=True)
        path = workdir / _FILE
        if path.exists():
            _rewrite(path, lambda line: line["stage"] != stage or line["step"] <= first_step)
        self._file = path.open("a", encoding="utf-8")
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
        if self._file is not None:
            line = {"stage": self._stage, "step": int(step), "mean": {k: _number(v) for k, v in means.items()}}
            line["seeds"] = {name: [_number(v) for v in values] for name, values in seeds.items()}
            for name, value in means.items():
                self._events.add_scalar(name, value, int(step))
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()  # a checkpoint may follow at once; a killed process must not lose the line before it
        return means

    def close(self) -> None:
        """Closes both files; a second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._events.close()
            self._file = self._events = None

    def __enter__(self) -> MetricsWriter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _per_seed(values: Any) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values.reshape(len(values), -1).mean(axis=1) if values.ndim else values[None]


def _rewrite(path: Path, is_kept: Callable[[dict[str, Any]], bool]) -> None:
    """Rewrites the file with the lines that are kept, and without a last line that was cut off while it was written."""
    files.write_text(path, _text(filter(is_kept, read_metrics(path))))


def _text(lines: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def copy_lines(workdir: Path, stage: str, into: Path) -> None:
    """Copies a stage's lines of `workdir/metrics.jsonl` into the folder `into`, for `restore_lines`."""
    path = workdir / _FILE
    lines = [line for line in read_metrics(path) if line["stage"] == stage] if path.exists() else []
    files.write_text(into / _FILE, _text(lines))


def restore_lines(workdir: Path, stage: str, kept_in: Path) -> None:
    """Puts the lines that `copy_lines` left in the folder `kept_in` in the place of the stage's lines today."""
    path, kept = workdir / _FILE, kept_in / _FILE
    if path.exists() and kept.exists():
        files.write_text(
            path, _text([*(line for line in read_metrics(path) if line["stage"] != stage), *read_metrics(kept)])
        )


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Reads the lines of a metrics.jsonl in order, without a last line that was cut off while it was written.

    Raises:
      JaxrecError: any other line is not a JSON object with stage, step, mean and seeds.
    """
    texts = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines = []
    for number, text in enumerate(texts, start=1):
        try:
            line = json.loads(text)
            lines.append({name: line[name] for name in ("stage", "step", "mean", "seeds")})
        except (ValueError, KeyError, TypeError) as error:
            if number == len(texts) and not text.endswith("\n"):
                break
            raise JaxrecError(f"{path} line {number} is not a line of metrics; delete the file or the line") from error
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

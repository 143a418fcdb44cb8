"""Metrics on disk: one JSON object per line, and TensorBoard event files beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError


def _number(value: Any) -> float | None:
    """The shortest decimal that gives the float32 back; None where JSON has no word for it."""
    return float(str(np.float32(value))) if math.isfinite(value) else None


class MetricsWriter:
    """Appends a stage's metrics to `workdir/metrics.jsonl`; a resumed run leaves the file an unbroken one would.

        {"stage": "dt", "step": 200, "mean": {"loss/total": 0.41}, "seeds": {"loss/total": [0.4, 0.42]}}

    Args:
      first_step: what the stage (re)starts from; its later lines are of a run that was cut off, and go.
      enabled: False writes nothing (every process of a distributed run but the first).
    """

    def __init__(self, workdir: Path, stage: str, *, first_step: int = 0, enabled: bool = True):
        self._stage, self._file, self._events = stage, None, None
        if not enabled:
            return
        workdir.mkdir(parents=True, exist_ok=True)
        path = workdir / "metrics.jsonl"
        if path.exists():
            _keep(path, lambda row: row["stage"] != stage or row["step"] <= first_step)
        self._file = path.open("a", encoding="utf-8")
        from tensorboardX import SummaryWriter

        self._events = SummaryWriter(str(workdir / "tensorboard" / stage), purge_step=first_step + 1)

    def write(self, step: int, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Writes one line and returns the means over seeds.

        Args:
          step: the number of steps done.
          metrics: name -> [S], or [S, n] where the n steps before `step` are averaged.
        """
        seeds = {name: _per_seed(values) for name, values in sorted(metrics.items())}
        means = {name: float(values.mean()) for name, values in seeds.items()}
        if self._file is not None:
            row = {"stage": self._stage, "step": int(step), "mean": {k: _number(v) for k, v in means.items()}}
            row["seeds"] = {name: [_number(v) for v in values] for name, values in seeds.items()}
            for name, value in means.items():
                self._events.add_scalar(name, value, int(step))
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()  # a checkpoint may follow at once, and then this line must survive a kill
        return means

    def close(self) -> None:
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


def _keep(path: Path, wanted) -> None:
    """Rewrites the file with the wanted rows; a last line cut off while it was written goes too."""
    rows = read_metrics(path)
    kept = [row for row in rows if wanted(row)]
    files.write_text(path, "".join(json.dumps(row) + "\n" for row in kept))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl in order, without a last line that was cut off.

    Raises:
      JaxrecError: another line is no JSON object of ours.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            rows.append({name: row[name] for name in ("stage", "step", "mean", "seeds")})
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise JaxrecError(f"{path} line {number} is not a line of metrics; delete the file or the line") from error
    return rows


def curve(rows: list[dict[str, Any]], stage: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """One metric of one stage over training: steps int [P] and values [S, P], NaN where the metric was not finite."""
    found = [(row["step"], row["seeds"][name]) for row in rows if row["stage"] == stage and name in row["seeds"]]
    if not found:
        return np.zeros(0, int), np.zeros((0, 0))
    steps, values = zip(*found, strict=True)
    return np.asarray(steps), np.asarray([[math.nan if v is None else v for v in row] for row in values]).T

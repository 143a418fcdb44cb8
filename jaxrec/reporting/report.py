"""`report.md`: what was compared, under which conditions, and how it came out, with its plots beside it."""

from __future__ import annotations

import dataclasses
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxrec.base import files
from jaxrec.reporting.tables import Results, Table, by_mode, markdown, results_table

Facts = Mapping[str, Any]
Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]  # method -> (steps [P], values [S, P])


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything a report shows; what is empty has no section.

    Attributes:
      title: the experiment's name and data.
      results: method -> 'mode/metric' -> [S].
      reference: method -> 'mode/metric' -> the number as published.
      num_episodes: behind each number, per seed (0 = not said).
      curves: metric (with its unit) -> method -> (steps [P], values [S, P]).
      lengths: method -> [L + 1] decisions per chosen history length.
      sweeps: title -> (option, the value asked for or None, policy -> [(value, 'mode/metric' -> [S])]).
      training, test: facts of the two environments under the same names; how they differ is shown.
      config: the experiment's configuration, nested plain data.
      speed: stage -> what it reached, in words.
      notes: sentences a reader must know.
    """

    title: str
    results: Results
    reference: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    num_episodes: int = 0
    curves: Mapping[str, Curves] = dataclasses.field(default_factory=dict)
    lengths: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sweeps: Mapping[str, tuple[str, float | None, Any]] = dataclasses.field(default_factory=dict)
    training: Facts = dataclasses.field(default_factory=dict)
    test: Facts = dataclasses.field(default_factory=dict)
    config: Facts = dataclasses.field(default_factory=dict)
    speed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()


def machine() -> dict[str, str]:
    """Device, cores and versions: what no figure can be read without."""
    import flax
    import jax

    from jaxrec import __version__

    devices = jax.devices()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "device": f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})",
        "CPU cores": str(cores),
        "jaxrec": __version__,
        "jax": jax.__version__,
        "flax": flax.__version__,
        "Python": platform.python_version(),
    }


def write(folder: Path, report: Report) -> Path:
    """Writes `folder/report.md` and its PNGs; returns the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = [
        f"# {report.title}\n",
        *_tables(report),
        *_sweeps(report),
        *_plots(folder, report),
        *_environments(report),
        *_speed(report),
        *_configuration(report),
    ]
    path = folder / "report.md"
    files.write_text(path, "\n".join(sections))
    return path


def flat(config: Facts, prefix: str = "") -> dict[str, Any]:
    """{'a': {'b': 1}} as {'a.b': 1}."""
    leaves: dict[str, Any] = {}
    for name, value in config.items():
        inner = isinstance(value, Mapping) and value
        leaves |= flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return leaves


def tables(report: Report) -> dict[str, Table]:
    """One table per evaluation mode, in the order of first appearance."""
    ours, published = by_mode(report.results), by_mode(report.reference)
    return {mode: results_table(values, reference=published.get(mode)) for mode, values in ours.items()}


def _tables(report: Report) -> list[str]:
    seeds = max((np.size(v) for values in report.results.values() for v in values.values()), default=0)
    episodes = f", {report.num_episodes} episodes each" if report.num_episodes else ""
    lines = [*(f"{note}\n" for note in report.notes), "## Results\n"]
    lines.append(f"Mean ± half width of the 95 % t interval over {seeds} seed{'s' * (seeds != 1)}{episodes}.\n")
    for mode, table in tables(report).items():
        lines += [f"### {mode}\n"] if mode else []
        lines.append(markdown(table))
    return lines


def _sweeps(report: Report) -> list[str]:
    from jaxrec.reporting import sweeps

    lines = ["## What is asked for when ranking\n", "No training between the rows.\n"] if report.sweeps else []
    for title, (option, _, sweep) in report.sweeps.items():
        lines += [f"### {title}\n", markdown(sweeps.table(option, sweep))]
    return lines


def _plots(folder: Path, report: Report) -> list[str]:
    from jaxrec.reporting import plots, sweeps

    figures = {}
    for mode, methods in by_mode(report.results).items():
        points = {m: (v["R_cumu"], v["coverage"]) for m, v in methods.items() if {"R_cumu", "coverage"} <= v.keys()}
        if points:
            figures[f"Return against coverage, {mode}"] = plots.return_against_coverage(points)
    for metric, curves in report.curves.items():
        figures[f"Learning curves, {metric}"] = plots.learning_curves(curves, ylabel=metric)
    for title, (option, asked, sweep) in report.sweeps.items():
        others = {method: values for method, values in report.results.items() if method not in sweep}
        figures[title] = sweeps.against(option, sweep, asked)
        figures[f"{title}, trade-off"] = sweeps.figure(option, sweep, others, asked)
    if report.lengths:
        figures["History lengths chosen"] = plots.history_lengths(report.lengths)
    lines = ["## Plots\n"] if figures else []
    for caption, figure in ((caption, figure) for caption, figure in figures.items() if figure):
        name = re.sub(r"[^a-z0-9]+", "_", caption.lower()).strip("_") + ".png"
        plots.save(figure, folder / name)
        lines.append(f"![{caption}]({name})\n")
    return lines


def _environments(report: Report) -> list[str]:
    if not (report.training or report.test):
        return []
    names = list(dict.fromkeys([*report.training, *report.test]))
    rows = []
    for name in names:
        ours, theirs = (_word(facts.get(name, "-")) for facts in (report.training, report.test))
        rows.append((name, ours, theirs, "same" if ours == theirs else "**differs**"))
    table = Table(("fact", "training environment", "test environment", ""), tuple(rows))
    return ["## Training and test environment\n", markdown(table, numbers=False)]


def _word(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _speed(report: Report) -> list[str]:
    rows = [*machine().items(), *report.speed.items()]
    return ["## Machine and speed\n", markdown(Table(("what", "found"), tuple(rows)), numbers=False)]


def _configuration(report: Report) -> list[str]:
    if not report.config:
        return []
    rows = tuple((f"`{name}`", f"`{_word(value)}`") for name, value in sorted(flat(report.config).items()))
    table = markdown(Table(("option", "value"), rows), numbers=False)
    return ["## Configuration\n", f"<details><summary>{len(rows)} options</summary>\n\n{table}\n</details>\n"]

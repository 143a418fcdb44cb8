"""`report.md`: who is ahead of whom, under which conditions, with its plots beside it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxrec.base import files
from jaxrec.reporting import leads, sections
from jaxrec.reporting.headline import headline
from jaxrec.reporting.quantities import leading, mode_words
from jaxrec.reporting.sections import Facts, machine
from jaxrec.reporting.tables import Results, Table, by_mode, markdown, results_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Report", "coverage_figure", "log_means", "machine", "returns_and_coverages", "tables", "write"]

_PLOT = re.compile(r"^!\[[^\]]+\]\((\w+\.png)\)$", re.M)
Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]  # method -> (steps [P], values [S, P])


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything a report shows; what is empty has no section. A method is a line of the tables: a policy or a model.

    Attributes:
      title: the experiment's name and data.
      results: method -> 'mode/metric' -> [S].
      reference: method -> 'mode/metric' -> the number as published.
      logged: name of a behaviour log -> 'mode/metric' -> the mean over its episodes, for comparison with the methods.
      baselines: the trivial methods: fixed rules, counts, untrained models.
      learned_from: method -> what it learned from, in words ("trained online in `train`", "trained on the log `log`").
      lead: 'mode/metric' that the first sentence compares the methods in; '' takes the first mode and the first of
        `quantities.LEADING` that was measured there.
      paired_seeds: whether seed s of every method met the same users, as in episodes.
      sessions: method -> metric -> [N], from rankings of the same sessions; see `significance.read`.
      num_episodes: behind each number, per seed; 0 where nothing was played.
      curves: objective with its unit -> method -> (steps [P], values [S, P]).
      lengths: method -> [L + 1] decisions per history length, of the methods that choose how far they look back.
      sweeps: title -> (option, the value that the tables were measured with or None, policy -> [(value,
        'mode/metric' -> [S])]).
      training, test: settings of the two environments under the same names.
      config: the experiment's configuration, nested plain data.
      changed: option in full ('stages.dt.algorithm.width') -> (default, value), of those that differ from the defaults.
      speed: stage -> how long it took, in words.
      notes: sentences a reader must know.
    """

    title: str
    results: Results
    reference: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    logged: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    baselines: Sequence[str] = ()
    learned_from: Mapping[str, str] = dataclasses.field(default_factory=dict)
    lead: str = ""
    paired_seeds: bool = False
    sessions: Mapping[str, Mapping[str, np.ndarray]] = dataclasses.field(default_factory=dict)
    num_episodes: int = 0
    curves: Mapping[str, Curves] = dataclasses.field(default_factory=dict)
    lengths: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sweeps: Mapping[str, tuple[str, float | None, Any]] = dataclasses.field(default_factory=dict)
    training: Facts = dataclasses.field(default_factory=dict)
    test: Facts = dataclasses.field(default_factory=dict)
    config: Facts = dataclasses.field(default_factory=dict)
    changed: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    speed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()


def write(folder: Path, report: Report) -> Path:
    """Writes `folder/report.md` and its PNGs; returns the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    text = [
        f"# {report.title}\n",
        *_headline(report),
        *(f"{note}\n" for note in report.notes),
        *sections.compared_methods(_origins(report)),
        *_results(report),
        *_sweeps(report),
        *_plots(folder, report),
        *sections.environments(report.training, report.test),
        *sections.speed(report.speed),
        *sections.configuration(report.config, report.changed),
    ]
    path = folder / "report.md"
    _remove_old_plots(path, "\n".join(text))
    files.write_text(path, "\n".join(text))
    return path


def _remove_old_plots(path: Path, text: str) -> None:
    """Deletes the plots that only the report of an earlier run shows."""
    before = _PLOT.findall(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
    for name in set(before) - set(_PLOT.findall(text)):
        (path.parent / name).unlink(missing_ok=True)


def tables(report: Report) -> dict[str, Table]:
    """Makes one table per evaluation mode, in the order of first appearance, published rows under ours."""
    ours, published, logged = (by_mode(part) for part in (report.results, report.reference, report.logged))
    return {
        mode: results_table(values, reference=published.get(mode), logged=logged.get(mode))
        for mode, values in ours.items()
    }


def _headline(report: Report) -> list[str]:
    for mode, metric in _leading(report).items():
        sentence = headline(
            _measured(report, mode, metric), mode, metric,
            baselines=report.baselines, learned_from=_origins(report), **_design(report),
        )  # fmt: skip
        return [f"**{sentence}**\n"]
    return []


def _origins(report: Report) -> Mapping[str, str]:
    """What each method learned from; empty where all learned from the same."""
    return report.learned_from if len(set(report.learned_from.values())) > 1 else {}


def _leading(report: Report) -> dict[str, str]:
    """Mode -> the metric that its methods are compared in, first the one that the experiment names."""
    metrics = {
        mode: leading(dict.fromkeys(metric for values in methods.values() for metric in values))
        for mode, methods in by_mode(report.results).items()
    }
    mode, _, metric = report.lead.rpartition("/")
    first = {mode: metric} if metric and _measured(report, mode, metric) else {}
    return first | {mode: metric for mode, metric in metrics.items() if metric and mode not in first}


def _measured(report: Report, mode: str, metric: str) -> dict[str, Any]:
    """Method -> [S] of the methods that have that metric in that mode."""
    methods = by_mode(report.results).get(mode, {})
    return {method: values[metric] for method, values in methods.items() if metric in values}


def _design(report: Report) -> dict[str, Any]:
    return {"paired_seeds": report.paired_seeds, "sessions": report.sessions}


def _results(report: Report) -> list[str]:
    seeds = max((np.size(v) for values in report.results.values() for v in values.values()), default=0)
    metrics = [
        metric for methods in by_mode(report.results).values() for values in methods.values() for metric in values
    ]
    lines = ["## Results\n", sections.uncertainty(seeds, report.num_episodes), *sections.meanings(metrics)]
    compared = _leading(report)
    for mode, table in tables(report).items():
        metric, ahead = compared.get(mode), []
        if metric:
            ahead = leads.over_all(_measured(report, mode, metric), metric, **_design(report))
        lines += sections.results(mode, table, ahead, metric)
    return lines


def _sweeps(report: Report) -> list[str]:
    from jaxrec.reporting import sweeps

    lines = ["## Options changed at ranking\n", "No training between the values.\n"] if report.sweeps else []
    for title, (option, _, sweep) in report.sweeps.items():
        lines += [f"### {title}\n", markdown(sweeps.table(option, sweep))]
    return lines


def _plots(folder: Path, report: Report) -> list[str]:
    from jaxrec.reporting import axes

    lines = []
    for caption, figure in _figures(report).items():
        name = re.sub(r"[^a-z0-9]+", "_", caption.lower()).strip("_") + ".png"
        axes.save(figure, folder / name)
        lines.append(f"![{caption}]({name})\n")
    return ["## Plots\n", *lines] if lines else []


def _figures(report: Report) -> dict[str, Figure]:
    """Caption -> figure, of everything that was measured."""
    from jaxrec.reporting import plots, sweeps

    logged = by_mode(report.logged)
    figures = {
        f"Return against coverage, {mode}": coverage_figure({mode: points}, logged)
        for mode, points in returns_and_coverages(report.results).items()
    }
    if report.curves:
        figures["Learning curves"] = plots.learning_curves(report.curves, methods=list(report.results))
    for title, (option, value, sweep) in report.sweeps.items():
        others = {method: values for method, values in report.results.items() if method not in sweep}
        figures[title] = sweeps.against(option, sweep, value)
        figures[f"{title}, trade-off"] = sweeps.figure(option, sweep, others, value)
    if report.lengths:
        figures["History lengths chosen"] = plots.history_lengths(report.lengths, methods=list(report.results))
    return {caption: figure for caption, figure in figures.items() if figure}


def coverage_figure(
    points: Mapping[str, Mapping[str, tuple[Any, Any]]], logged: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> Figure:
    """Draws return against coverage in some modes.

    Args:
      points: mode -> method -> (returns [S], coverages [S]).
      logged: mode -> name of a behaviour log -> metric -> the mean over its episodes.
    """
    from jaxrec.reporting import plots

    titles = {mode: f"{mode}: {mode_words(mode)}" if mode_words(mode) else mode for mode in points}
    lines = {
        titles[mode]: {f"mean return of the episodes in {name}": metrics["R_cumu"] for name, metrics in logs.items()}
        for mode, logs in logged.items()
        if mode in titles
    }
    return plots.return_against_coverage({titles[mode]: methods for mode, methods in points.items()}, logged=lines)


def log_means(kinds: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Computes 'FB/metric' -> the mean over a behaviour log, whose episodes are played as in mode FB.

    Args:
      kinds: of episodes, each with `episodes` (how many), `mean_return` and `mean_length`.
    """
    kinds = list(kinds)
    count = sum(kind["episodes"] for kind in kinds)
    total = sum(kind["episodes"] * kind["mean_return"] for kind in kinds)
    steps = sum(kind["episodes"] * kind["mean_length"] for kind in kinds)
    return {"FB/R_cumu": total / count, "FB/R_avg": total / steps, "FB/Length": steps / count}


def returns_and_coverages(results: Results) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Mode -> method -> (returns [S], coverages [S]), where both were measured."""
    pairs = {
        mode: {
            method: (v["R_cumu"], v["coverage"]) for method, v in methods.items() if {"R_cumu", "coverage"} <= v.keys()
        }
        for mode, methods in by_mode(results).items()
    }
    return {mode: points for mode, points in pairs.items() if points}

"""One inference option of a policy set to one value after another: what it trades accuracy for, as table and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from jaxrec.reporting import sweep_plots, tables

Sweep = Mapping[str, Sequence[tuple[float, Mapping[str, Any]]]]  # policy -> [(value, metric -> [S])]
ACCURACY, COVERAGE = "HR", ("CV_div", "CV_nov")  # accuracy against diversity and novelty (T 4.5.1)
SHOWN = ("HR", "NDCG", "CV_div", "CV_nov", "R")


def longest(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps the metrics of the longest lists: 'ranking/HR@20': v as 'HR@20': v, in the order of `SHOWN`."""
    named = {name.rpartition("/")[2]: values for name, values in metrics.items()}
    ranks = [int(name.partition("@")[2]) for name in named if "@" in name]
    names = [f"{kind}@{max(ranks)}" for kind in SHOWN] if ranks else list(named)
    return {name: named[name] for name in names if name in named}


def table(option: str, sweep: Sweep) -> tables.Table:
    """Makes a row for each policy and value."""
    rows = {f"{policy}, {option} = {value:g}": longest(m) for policy, points in sweep.items() for value, m in points}
    return tables.results_table(rows)


def against(option: str, sweep: Sweep, table_value: float | None) -> Figure | None:
    """Draws accuracy and coverage against the option's value, as the thesis does in its figures 4.4 and 4.5; None where
    neither was measured.

    Args:
      table_value: the value that the results table was measured with; its points are ringed.
    """
    panels = accuracy_and_coverage(sweep)
    return sweep_plots.metrics_against_value(panels, xlabel=option, ringed=table_value) if panels else None


def accuracy_and_coverage(sweep: Sweep) -> dict[str, dict[str, list[tuple[float, Any]]]]:
    """Regroups a sweep: metric -> policy -> [(value, [S])]; empty where neither accuracy nor coverage was measured."""
    panels: dict[str, dict[str, list[tuple[float, Any]]]] = {}
    for policy, points in sweep.items():
        for value, metrics in points:
            for name, seeds in longest(metrics).items():
                if name.partition("@")[0] in (ACCURACY, *COVERAGE):
                    panels.setdefault(name, {}).setdefault(policy, []).append((value, seeds))
    return panels


def figure(
    option: str, sweep: Sweep, others: Mapping[str, Mapping[str, Any]], table_value: float | None
) -> Figure | None:
    """Draws accuracy against coverage along each policy's values; None where either was not measured.

    Args:
      others: method -> 'mode/metric' -> [S], drawn as points.
      table_value: the value that the results table was measured with; its points are ringed.
    """
    curves, points = trade_offs(sweep), {}
    for policy, metrics in others.items():
        x, y = _point(metrics, COVERAGE[0])
        if x is not None:
            points[policy] = (x, y)
    if not curves:
        return None
    ylabel = next(name for points in sweep.values() for name in longest(points[0][1]))
    title = f"{option} from value to value"
    return sweep_plots.trade_off(curves, points, ringed=table_value, ylabel=ylabel, title=title)


def trade_offs(sweep: Sweep) -> dict[str, list[tuple[float, float, float]]]:
    """Regroups a sweep: 'policy, kind of coverage' -> [(value, coverage, accuracy)], means over seeds; without those
    of which either was not measured."""
    curves = {}
    for policy, measured in sweep.items():
        for kind in COVERAGE:
            coordinates = [(value, *_point(metrics, kind)) for value, metrics in measured]
            curves[f"{policy}, {kind}"] = [(value, x, y) for value, x, y in coordinates if x is not None]
    return {name: values for name, values in curves.items() if values}


def _point(metrics: Mapping[str, Any], kind: str) -> tuple[float, float] | tuple[None, None]:
    """(coverage of that kind, accuracy), means over seeds."""
    means = {name.partition("@")[0]: tables.interval(values)[0] for name, values in longest(metrics).items()}
    return (means[kind], means[ACCURACY]) if {kind, ACCURACY} <= means.keys() else (None, None)

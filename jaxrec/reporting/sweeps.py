"""One option of a policy varied: what it trades accuracy for, as a table and as curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from jaxrec.reporting import plots, tables

Sweep = Mapping[str, Sequence[tuple[float, Mapping[str, Any]]]]  # policy -> [(value, metric -> [S])]
ACCURACY, COVERAGE = "HR", ("CV_div", "CV_nov")  # accuracy against diversity and novelty (T 4.5.1)
SHOWN = ("HR", "NDCG", "CV_div", "CV_nov", "R")


def longest(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """'ranking/HR@20': v as 'HR@20': v, of the longest lists alone, in the order of `SHOWN`."""
    named = {name.rpartition("/")[2]: values for name, values in metrics.items()}
    ranks = [int(name.partition("@")[2]) for name in named if "@" in name]
    kept = [f"{kind}@{max(ranks)}" for kind in SHOWN] if ranks else list(named)
    return {name: named[name] for name in kept if name in named}


def table(option: str, sweep: Sweep) -> tables.Table:
    """A row for each policy and value."""
    rows = {f"{policy}, {option} = {value:g}": longest(m) for policy, points in sweep.items() for value, m in points}
    return tables.results_table(rows)


def against(option: str, sweep: Sweep, asked: float | None) -> Figure | None:
    """Accuracy and coverage against the option's value, as the thesis draws its figures 4.4 and 4.5; None where neither
    was measured."""
    panels: dict[str, dict[str, list[tuple[float, Any]]]] = {}
    for policy, points in sweep.items():
        for value, metrics in points:
            for name, seeds in longest(metrics).items():
                if name.partition("@")[0] in (ACCURACY, *COVERAGE):
                    panels.setdefault(name, {}).setdefault(policy, []).append((value, seeds))
    return plots.against(panels, xlabel=option, ringed=asked) if panels else None


def figure(option: str, sweep: Sweep, others: Mapping[str, Mapping[str, Any]], asked: float | None) -> Figure | None:
    """Accuracy against coverage along each policy's values, the one that is `asked` ringed; the other policies as
    points. None where either was not measured."""
    curves, points = {}, {}
    for policy, found in sweep.items():
        for kind in COVERAGE:
            curves[f"{policy}, {kind}"] = [(v, x, y) for v, m in found for x, y in [_point(m, kind)] if x is not None]
    for policy, metrics in others.items():
        x, y = _point(metrics, COVERAGE[0])
        if x is not None:
            points[policy] = (x, y)
    curves = {name: values for name, values in curves.items() if values}
    if not curves:
        return None
    ylabel = next(name for points in sweep.values() for name in longest(points[0][1]))
    return plots.trade_off(curves, points, ringed=asked, ylabel=ylabel, title=f"{option} from value to value")


def _point(metrics: Mapping[str, Any], kind: str) -> tuple[float, float] | tuple[None, None]:
    kept = {name.partition("@")[0]: tables.interval(values)[0] for name, values in longest(metrics).items()}
    return (kept[kind], kept[ACCURACY]) if {kind, ACCURACY} <= kept.keys() else (None, None)

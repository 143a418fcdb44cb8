"""The report's plots: matplotlib figures without a window or global state, readable without colour too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxrec.reporting.tables import interval

# Okabe and Ito's colours, told apart by nearly everyone; dark ones first, yellow last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")


def _style(index: int) -> tuple[str, str, str]:
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)], LINES[index % len(LINES)]


def _axes(xlabel: str, ylabel: str, title: str) -> tuple[Figure, Axes]:
    figure = _figure(6.4)
    return figure, _decorated(figure.add_subplot(), xlabel=xlabel, ylabel=ylabel, title=title)


def _figure(width: float) -> Figure:
    figure = Figure(figsize=(width, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _decorated(axes: Axes, **labels: str) -> Axes:
    axes.set(**labels)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def learning_curves(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], *, ylabel: str, xlabel: str = "updates", title: str = ""
) -> Figure:
    """Per method the mean over seeds, its 95 % band, and each seed as a thin line.

    Args:
      curves: method -> (steps [P], values [S, P]).
      ylabel: the quantity and its unit.
    """
    figure, axes = _axes(xlabel, ylabel, title)
    for index, (method, (steps, values)) in enumerate(curves.items()):
        colour, _, line = _style(index)
        mean, half = np.array([interval(column) for column in np.asarray(values).T]).reshape(-1, 2).T
        axes.plot(steps, np.asarray(values).T, color=colour, linewidth=0.6, alpha=0.35)
        axes.fill_between(steps, mean - half, mean + half, color=colour, alpha=0.2, linewidth=0)
        axes.plot(steps, mean, color=colour, linestyle=line, linewidth=1.8, label=method)
    if len(curves) > 1:
        axes.legend(frameon=False)
    return figure


def return_against_coverage(
    points: Mapping[str, tuple[Any, Any]],
    *,
    xlabel: str = "coverage (share of the catalogue recommended)",
    ylabel: str = "return per episode (sum of rewards)",
    title: str = "",
) -> Figure:
    """Each method's seeds as points, their mean ringed and named: high on the left is a policy that plays few items.

    Args:
      points: method -> (returns [S], coverages [S]).
    """
    figure, axes = _axes(xlabel, ylabel, title)
    for index, (method, (returns, coverages)) in enumerate(points.items()):
        colour, marker, _ = _style(index)
        axes.scatter(coverages, returns, s=16, color=colour, marker=marker, alpha=0.45, linewidths=0)
        centre = float(np.mean(coverages)), float(np.mean(returns))
        axes.scatter(*centre, s=70, color=colour, marker=marker, edgecolors="black", linewidths=0.8, label=method)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def trade_off(
    curves: Mapping[str, Sequence[tuple[float, float, float]]],
    points: Mapping[str, tuple[float, float]],
    *,
    ylabel: str,
    ringed: float | None = None,
    xlabel: str = "coverage (share of the items recommended at all)",
    title: str = "",
) -> Figure:
    """What an option trades for what: each curve goes from value to value.

    Args:
      curves: name -> (value, x, y), means over seeds, in the order of the values. points: name -> (x, y).
      ringed: the value whose points are marked.
    """
    figure, axes = _axes(xlabel, ylabel, title)
    for index, (name, curve) in enumerate(curves.items()):
        colour, marker, line = _style(index)
        values, x, y = zip(*curve, strict=True)
        axes.plot(x, y, color=colour, marker=marker, linestyle=line, markersize=4, label=name)
        for place in zip(values, x, y, strict=True):
            axes.annotate(f"{place[0]:g}", place[1:], textcoords="offset points", xytext=(4, 4), fontsize=7)
            if place[0] == ringed:
                axes.scatter(*place[1:], s=90, facecolors="none", edgecolors=colour, linewidths=1.4)
    for index, (name, (x, y)) in enumerate(points.items(), start=len(curves)):
        axes.scatter(x, y, s=40, color=_style(index)[0], marker=_style(index)[1], label=name)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def against(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, Any]]]], *, xlabel: str, ringed: float | None = None
) -> Figure:
    """One panel per metric: a curve per policy through its means, with their 95 % intervals over seeds.

    Args:
      panels: metric -> policy -> [(value, [S])]. ringed: the value whose points are marked.
    """
    figure = _figure(max(6.4, 2.9 * len(panels)))
    for place, (metric, curves) in enumerate(panels.items(), start=1):
        axes = _decorated(figure.add_subplot(1, len(panels), place), xlabel=xlabel, ylabel=metric)
        for index, (policy, points) in enumerate(curves.items()):
            colour, marker, line = _style(index)
            values = [value for value, _ in points]
            mean, half = np.array([interval(seeds) for _, seeds in points]).T
            axes.errorbar(values, mean, np.nan_to_num(half), color=colour, marker=marker, linestyle=line, markersize=4,
                          capsize=3, label=policy)  # fmt: skip
            at = [value == ringed for value in values]
            axes.scatter(np.array(values)[at], mean[at], s=90, facecolors="none", edgecolors=colour, linewidths=1.4)
        if len(curves) > 1:
            axes.legend(frameon=False)
    return figure


def panels(
    panels: Mapping[str, Sequence[tuple[str, Any]]],
    lines: Mapping[str, Any],
    *,
    baseline: str = "",
    xlabel: str = "",
    title: str = "",
) -> Figure:
    """One panel per metric, in it one point per row with its 95 % interval over seeds.

    Args:
      panels: metric -> [(label, [S])] from left to right. lines: metric -> [S] of the row `baseline`, or None.
    """
    figure = _figure(max(6.4, 2.9 * len(panels)))
    figure.suptitle(title)
    for index, (metric, points) in enumerate(panels.items()):
        axes = _decorated(figure.add_subplot(1, len(panels), index + 1), xlabel=xlabel, ylabel=metric)
        mean, half = np.array([interval(values) for _, values in points]).reshape(-1, 2).T
        colour, marker, _ = _style(index)
        place = np.arange(len(points))
        axes.errorbar(place, mean, np.nan_to_num(half), color=colour, marker=marker, linestyle="", capsize=3)
        axes.set_xticks(place, [label for label, _ in points], rotation=30 if len(points) > 4 else 0)
        axes.margins(x=0.1)
        if lines.get(metric) is not None:
            axes.axhline(interval(lines[metric])[0], color="black", linestyle="--", linewidth=1.0, label=baseline)
            axes.legend(frameon=False)
    return figure


def history_lengths(counts: Mapping[str, Any], *, title: str = "") -> Figure:
    """How often each history length was chosen, one group of bars per method.

    Args:
      counts: method -> [L + 1], the number of decisions that looked back exactly 0..L steps.
    """
    figure, axes = _axes("history length chosen (steps)", "share of decisions (%)", title)
    width = 0.8 / max(len(counts), 1)
    for index, (method, chosen) in enumerate(counts.items()):
        chosen = np.asarray(chosen, np.float64)
        lengths = np.flatnonzero(chosen)
        offset = (index - (len(counts) - 1) / 2) * width
        share = 100 * chosen[lengths] / max(chosen.sum(), 1)
        axes.bar(lengths + offset, share, width, color=_style(index)[0], label=method, edgecolor="black", linewidth=0.4)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(counts) > 1:
        axes.legend(frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG; the same figure gives the same bytes whenever it is drawn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})

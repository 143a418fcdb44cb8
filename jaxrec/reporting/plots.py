"""The plots of a report: matplotlib figures without a window or global state, readable without colour too."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from jaxrec.reporting.axes import HEIGHT, WIDTH, add_axes, blank_figure, intervals, style
from jaxrec.reporting.labels import Label, place_labels
from jaxrec.reporting.quantities import quantity

Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]  # method -> (steps [P], values [S, P])
Points = Mapping[str, tuple[Any, Any]]  # method -> (returns [S], coverages [S])
LABEL_WIDTH = 30  # letters of a line that fits beside a panel


def learning_curves(
    curves: Mapping[str, Curves], *, methods: Sequence[str] = (), xlabel: str = "training steps"
) -> Figure:
    """Draws one panel per objective, in it per method the mean over seeds, its 95 % band, and each seed as a thin line.

    Args:
      curves: objective with its unit -> method -> (steps [P], values [S, P]). Values of two objectives are never on the
        same axis, for they cannot be compared.
      methods: all methods of the report in their order, which gives each the same colour in every plot.
    """
    columns = min(len(curves), 2)
    rows = math.ceil(len(curves) / max(columns, 1))
    figure = blank_figure(WIDTH if columns < 2 else 1.4 * WIDTH, HEIGHT if rows < 2 else 0.75 * HEIGHT * rows)
    order = list(dict.fromkeys([*methods, *(method for by_method in curves.values() for method in by_method)]))
    for number, (objective, by_method) in enumerate(curves.items(), start=1):
        axes = add_axes(figure, rows, columns, number, xlabel=xlabel, ylabel=_broken(objective))
        for method, (steps, values) in by_method.items():
            _draw_curve(axes, method, order.index(method), np.asarray(steps), np.asarray(values))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, fontsize=9)
    return figure


def _broken(objective: str) -> str:
    """An axis's label in lines that fit beside a panel, its unit in a line of its own."""
    name, bracket, unit = objective.partition(" (")
    return "\n".join([*textwrap.wrap(name, LABEL_WIDTH), *[bracket.strip() + unit] * bool(unit)])


def _draw_curve(axes: Axes, method: str, index: int, steps: np.ndarray, values: np.ndarray) -> None:
    colour, _, line = style(index)
    mean, half = intervals(values.T)
    axes.plot(steps, values.T, color=colour, linewidth=0.6, alpha=0.35)
    axes.fill_between(steps, mean - half, mean + half, color=colour, alpha=0.2, linewidth=0)
    axes.plot(steps, mean, color=colour, linestyle=line, linewidth=1.8, label=method)


def return_against_coverage(
    modes: Mapping[str, Points], *, logged: Mapping[str, Mapping[str, float]] | None = None
) -> Figure:
    """Draws one panel per mode: each method's mean return over its mean coverage, both 95 % intervals, and its name.

    High on the left stands a method that earns much with few items; high on the right one that does so with many.

    Args:
      modes: mode in words -> method -> (returns [S], coverages [S]); coverage is a share of the catalogue, above 0.
      logged: mode in words -> name of a log -> the mean return of its episodes, drawn as a horizontal line.
    """
    figure = blank_figure(WIDTH if len(modes) == 1 else 0.72 * WIDTH * len(modes), 1.05 * HEIGHT)
    panels = []
    for number, (mode, points) in enumerate(modes.items(), start=1):
        axes = add_axes(figure, 1, len(modes), number, title=mode, xlabel=quantity("coverage").axis())
        axes.set_ylabel(quantity("R_cumu").axis() if number == 1 else "")
        panels.append((axes, *_draw_points(axes, points, (logged or {}).get(mode, {}))))
    for axes, labels, bars in panels:  # after the last panel: the layout moves every panel until then
        place_labels(axes, labels, bars)
    return figure


def _draw_points(axes: Axes, points: Points, logged: Mapping[str, float]) -> tuple[list[Label], list[tuple]]:
    """Draws one mode; returns the names to be placed and the bars they should not lie on, in data coordinates."""
    returns, return_halves = intervals([returns for returns, _ in points.values()])
    coverages, coverage_halves = intervals([coverages for _, coverages in points.values()])
    _log_axis(axes, coverages)
    lowest = axes.get_xlim()[0]
    labels, bars = [], []
    for index, (name, y, dy, x, dx) in enumerate(
        zip(points, returns, return_halves, coverages, coverage_halves, strict=True)
    ):
        colour, marker, _ = style(index)
        left = max(x - dx, lowest / 2)  # an interval below zero runs out of a log axis on the left
        axes.errorbar(x, y, dy, [[x - left], [dx]], color=colour, marker=marker, markersize=8, capsize=3, linewidth=1.2,
                      markeredgecolor="black", markeredgewidth=0.7, linestyle="", label=name)  # fmt: skip
        labels.append(Label(name, x, y))
        bars += [(left, y, x + dx, y), (x, y - dy, x, y + dy)]
    right = axes.get_xlim()[1]
    for name, value in logged.items():
        axes.axhline(value, color="0.35", linestyle=":", linewidth=1.2, zorder=1)
        axes.annotate(name, (1, value), (-2, 2), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                      ha="right", va="bottom", fontsize=8, color="0.25")  # fmt: skip
        bars.append((lowest, value, right, value))
    axes.margins(y=0.12)
    return labels, bars


def _log_axis(axes: Axes, coverages: Sequence[float]) -> None:
    """A log axis over the coverages with room on both sides and ticks in percent, one, two and five of each decade."""
    low, high = min(coverages) / 2, min(max(coverages) * 2, 1.6)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [m * 10.0**d for d in range(-8, 1) for m in ((1, 2, 5) if high / low < 200 else (1, 3))]
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= min(high, 1.0)]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def panels(
    panels: Mapping[str, Sequence[tuple[str, Any]]],
    lines: Mapping[str, Any],
    *,
    baseline: str = "",
    xlabel: str = "",
    title: str = "",
) -> Figure:
    """Draws one panel per metric, in it one point per method with its 95 % interval over seeds.

    Args:
      panels: metric -> [(label, [S])] from left to right.
      lines: metric -> [S] of the method `baseline`, drawn as a horizontal line, or None.
    """
    figure = blank_figure(max(WIDTH, 2.9 * len(panels)))
    figure.suptitle(title)
    for index, (metric, points) in enumerate(panels.items()):
        axes = add_axes(figure, 1, len(panels), index + 1, xlabel=xlabel, ylabel=metric)
        mean, half = intervals([values for _, values in points])
        colour, marker, _ = style(index)
        position = np.arange(len(points))
        axes.errorbar(position, mean, half, color=colour, marker=marker, linestyle="", capsize=3)
        axes.set_xticks(position, [label for label, _ in points], rotation=30 if len(points) > 4 else 0)
        axes.margins(x=0.1)
        if lines.get(metric) is not None:
            axes.axhline(np.mean(lines[metric]), color="black", linestyle="--", linewidth=1.0, label=baseline)
            axes.legend(frameon=False)
    return figure


def history_lengths(counts: Mapping[str, Any], *, methods: Sequence[str] = (), title: str = "") -> Figure:
    """Draws how often each history length was chosen, one group of bars per method.

    Args:
      counts: method -> [L + 1], the number of decisions made on exactly 0..L steps of history.
      methods: all methods of the report in their order, which gives each the same colour in every plot.
    """
    figure = blank_figure()
    axes = add_axes(figure, xlabel="history length chosen (steps)", ylabel="share of decisions (%)", title=title)
    width, order = 0.8 / max(len(counts), 1), list(dict.fromkeys([*methods, *counts]))
    for index, (method, chosen) in enumerate(counts.items()):
        chosen = np.asarray(chosen, np.float64)
        lengths = np.flatnonzero(chosen)
        offset = (index - (len(counts) - 1) / 2) * width
        share = 100 * chosen[lengths] / max(chosen.sum(), 1)
        colour = style(order.index(method))[0]
        axes.bar(lengths + offset, share, width, color=colour, label=method, edgecolor="black", linewidth=0.4)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if counts:
        axes.legend(frameon=False)
    return figure

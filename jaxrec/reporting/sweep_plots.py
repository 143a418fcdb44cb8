"""The plots of one option set to one value after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxrec.reporting.axes import WIDTH, add_axes, blank_figure, intervals, style
from jaxrec.reporting.labels import Label, place_labels


def trade_off(
    curves: Mapping[str, Sequence[tuple[float, float, float]]],
    points: Mapping[str, tuple[float, float]],
    *,
    ylabel: str,
    ringed: float | None = None,
    xlabel: str = "coverage (share of the items recommended at all)",
    title: str = "",
) -> Figure:
    """Draws what an option trades for what: each curve goes from value to value, each value written beside its point.

    Args:
      curves: name -> [(value, x, y)], means over seeds, in the order of the values.
      points: name -> (x, y), drawn without a curve.
      ringed: the value whose points are ringed.
    """
    figure = blank_figure()
    axes = add_axes(figure, xlabel=xlabel, ylabel=ylabel, title=title)
    for index, (name, curve) in enumerate(curves.items()):
        colour, marker, line = style(index)
        _, x, y = zip(*curve, strict=True)
        axes.plot(x, y, color=colour, marker=marker, linestyle=line, markersize=4, label=name)
        for value, *point in curve:
            if value == ringed:
                axes.scatter(*point, s=90, facecolors="none", edgecolors=colour, linewidths=1.4)
    for index, (name, (x, y)) in enumerate(points.items(), start=len(curves)):
        axes.scatter(x, y, s=40, color=style(index)[0], marker=style(index)[1], label=name)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    place_labels(axes, [Label(f"{value:g}", x, y) for curve in curves.values() for value, x, y in curve], size=7)
    return figure


def metrics_against_value(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, Any]]]], *, xlabel: str, ringed: float | None = None
) -> Figure:
    """Draws one panel per metric, in it a curve per policy through its means, with 95 % intervals over seeds.

    Args:
      panels: metric -> policy -> [(value, [S])].
      xlabel: the option.
      ringed: the value whose points are ringed.
    """
    figure = blank_figure(max(WIDTH, 2.9 * len(panels)))
    for number, (metric, curves) in enumerate(panels.items(), start=1):
        axes = add_axes(figure, 1, len(panels), number, xlabel=xlabel, ylabel=metric)
        for index, (policy, points) in enumerate(curves.items()):
            colour, marker, line = style(index)
            values = np.array([value for value, _ in points])
            mean, half = intervals([seeds for _, seeds in points])
            axes.errorbar(values, mean, half, color=colour, marker=marker, linestyle=line, markersize=4, capsize=3,
                          label=policy)  # fmt: skip
            at = values == ringed
            axes.scatter(values[at], mean[at], s=90, facecolors="none", edgecolors=colour, linewidths=1.4)
        if len(curves) > 1:
            axes.legend(frameon=False)
    return figure

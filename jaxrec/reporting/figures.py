"""A paper's figures from stored results: methods side by side, and an option set to one value after another.

`stored` holds 'figures': name -> what `across` made, and 'sweeps': name -> what `swept` made, as plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxrec.reporting import axes, plots, sweeps, tables

Results = Mapping[str, Mapping[str, Any]]  # method -> 'mode/metric' -> [S]


def across(
    title: str, labels: Mapping[str, str], metrics: Sequence[str], results: Results, *, xlabel: str, baseline: str
) -> dict[str, Any]:
    """Makes the data of a figure with one point per method and one panel per metric.

    Args:
      labels: method -> what it is called in the figure, from left to right.
      metrics: 'mode/metric'.
      baseline: the method drawn as a horizontal line, or ''.
    """
    measured = {
        row: {m: np.asarray(results[row][m]).tolist() for m in metrics} for row in (*labels, *filter(None, [baseline]))
    }
    return {"title": title, "xlabel": xlabel, "labels": dict(labels), "rows": list(labels), "metrics": list(metrics),
            "baseline": baseline, "results": measured}  # fmt: skip


def swept(title: str, option: str, table_value: float | None, points: sweeps.Sweep, others: Results) -> dict[str, Any]:
    """Makes the data of a figure of one inference option's values.

    Args:
      table_value: the value that the results table was measured with; None where every policy keeps its own.
      points: policy -> [(value, metric -> [S])].
      others: the methods drawn as points beside the curves.
    """
    plain = {row: {m: np.asarray(v).tolist() for m, v in values.items()} for row, values in others.items()}
    return {"title": title, "option": option, "table_value": table_value, "points": dict(points), "others": plain}


def draw(stored: Mapping[str, Any]) -> dict[str, Figure]:
    """Draws every figure under its name, and every sweep twice: as NAME, metrics against the option's value, and as
    NAME_trade_off, metrics against each other; a figure whose metrics were not measured is left out."""
    return {name: make() for name, make in sorted(_makers(stored).items())}


def _makers(stored: Mapping[str, Any]) -> dict[str, Callable[[], Figure]]:
    """Name -> what draws that figure, so that a page can name its pictures without drawing them."""
    makers = {name: partial(_across, data) for name, data in stored.get("figures", {}).items()}
    for name, data in stored.get("sweeps", {}).items():
        option, points, value = data["option"], data["points"], data["table_value"]
        if sweeps.accuracy_and_coverage(points):
            makers[name] = partial(sweeps.against, option, points, value)
        if sweeps.trade_offs(points):
            makers[f"{name}_trade_off"] = partial(sweeps.figure, option, points, data["others"], value)
    return makers


def _across(data: Mapping[str, Any]) -> Figure:
    panels = {
        metric.rpartition("/")[2]: [(data["labels"][row], data["results"][row][metric]) for row in data["rows"]]
        for metric in data["metrics"]
    }
    lines = {m.rpartition("/")[2]: data["results"].get(data["baseline"], {}).get(m) for m in data["metrics"]}
    return plots.panels(panels, lines, baseline=data["baseline"], xlabel=data["xlabel"], title=data["title"])


def save(stored: Mapping[str, Any], folder: Path) -> None:
    """Writes every figure as `folder/NAME.png`."""
    for name, figure in draw(stored).items():
        axes.save(figure, folder / f"{name}.png")


def markdown(stored: Mapping[str, Any], folder: str) -> dict[str, list[str]]:
    """Writes name -> the lines that show a figure's pictures, which lie in `folder`, and a sweep's table below them."""
    names, lines = _makers(stored), {}
    for kind in ("figures", "sweeps"):
        for name, data in stored.get(kind, {}).items():
            pictures = [picture for picture in (name, f"{name}_trade_off") if picture in names]
            paths = [f"{folder}/{picture}.png" if folder else f"{picture}.png" for picture in pictures]
            lines[name] = [f"![{data['title']}]({path})\n" for path in paths]
            if kind == "sweeps" and pictures:
                lines[name].append(tables.markdown(sweeps.table(data["option"], data["points"])))
    return {name: shown for name, shown in sorted(lines.items()) if shown}

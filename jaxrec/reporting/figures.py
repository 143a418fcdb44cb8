"""A paper's figures from stored results: rows side by side, and options asked for one value after the other.

`stored` holds 'figures': name -> what `across` made, and 'sweeps': name -> what `swept` made, as plain data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxrec.reporting import plots, sweeps, tables

Results = Mapping[str, Mapping[str, Any]]  # row -> 'mode/metric' -> [S]


def across(
    title: str, labels: Mapping[str, str], metrics: Sequence[str], results: Results, *, xlabel: str, baseline: str
) -> dict[str, Any]:
    """Some rows and what each is called in the figure, in some metrics; `baseline` is a row drawn as a line, or ''."""
    kept = {
        row: {m: np.asarray(results[row][m]).tolist() for m in metrics} for row in (*labels, *filter(None, [baseline]))
    }
    return {"title": title, "xlabel": xlabel, "labels": dict(labels), "rows": list(labels), "metrics": list(metrics),
            "baseline": baseline, "results": kept}  # fmt: skip


def swept(title: str, option: str, asked: float | None, points: sweeps.Sweep, others: Results) -> dict[str, Any]:
    """An option's values for some policies, and other rows to be drawn beside them."""
    plain = {row: {m: np.asarray(v).tolist() for m, v in values.items()} for row, values in others.items()}
    return {"title": title, "option": option, "asked": asked, "points": dict(points), "others": plain}


def draw(stored: Mapping[str, Any]) -> dict[str, Figure]:
    """Every figure by its name, a sweep as metrics against values and, as NAME_trade_off, against each other; without
    the one where nothing of it was measured."""
    found = {name: _across(made) for name, made in stored.get("figures", {}).items()}
    for name, made in stored.get("sweeps", {}).items():
        found[name] = sweeps.against(made["option"], made["points"], made["asked"])
        found[f"{name}_trade_off"] = sweeps.figure(made["option"], made["points"], made["others"], made["asked"])
    return {name: figure for name, figure in sorted(found.items()) if figure}


def _across(made: Mapping[str, Any]) -> Figure:
    panels = {
        metric.rpartition("/")[2]: [(made["labels"][row], made["results"][row][metric]) for row in made["rows"]]
        for metric in made["metrics"]
    }
    lines = {m.rpartition("/")[2]: made["results"].get(made["baseline"], {}).get(m) for m in made["metrics"]}
    return plots.panels(panels, lines, baseline=made["baseline"], xlabel=made["xlabel"], title=made["title"])


def save(stored: Mapping[str, Any], folder: Path) -> None:
    """`folder/NAME.png` of every figure."""
    for name, figure in draw(stored).items():
        plots.save(figure, folder / f"{name}.png")


def markdown(stored: Mapping[str, Any], folder: str) -> dict[str, list[str]]:
    """Name -> the figure's pictures in `folder`, a sweep's numbers below them."""
    drawn, found = draw(stored), {}
    for kind in ("figures", "sweeps"):
        for name, made in stored.get(kind, {}).items():
            pictures = [picture for picture in (name, f"{name}_trade_off") if picture in drawn]
            paths = [f"{folder}/{picture}.png" if folder else f"{picture}.png" for picture in pictures]
            found[name] = [f"![{made['title']}]({path})\n" for path in paths]
            if kind == "sweeps" and pictures:
                found[name].append(tables.markdown(sweeps.table(made["option"], made["points"])))
    return {name: lines for name, lines in sorted(found.items()) if lines}

"""How every plot of jaxrec looks: colours, markers, sizes, and the file it becomes. No window, no global state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxrec.base import files
from jaxrec.reporting.tables import interval

# Okabe and Ito's colours, told apart by nearly everyone; dark ones first, yellow last.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":")
WIDTH, HEIGHT = 6.4, 4.0  # inches of a single plot
DOTS_PER_INCH = 150


def style(index: int) -> tuple[str, str, str]:
    """(colour, marker, line) of the curve or point number `index` of a plot."""
    return COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)], LINES[index % len(LINES)]


def blank_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """A figure of that many inches whose layout leaves room for its labels."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def add_axes(figure: Figure, *position: int, **labels: str) -> Axes:
    """Axes with a light grid at a subplot `position` (rows, columns, index), named by xlabel, ylabel and title."""
    axes = figure.add_subplot(*position)
    axes.set(**labels)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def intervals(columns: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Means [P] and half widths [P] of the 95 % intervals over seeds of P values [S]; half width 0 for one seed."""
    mean, half = np.array([interval(values) for values in columns]).reshape(-1, 2).T
    return mean, np.nan_to_num(half)


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG; the same figure gives the same bytes whenever it is drawn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})

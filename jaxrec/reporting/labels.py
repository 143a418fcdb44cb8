"""Names written beside the points of a plot, so that no name hides another name, a marker or an interval bar.

Each name tries the places around its point, near ones first, and takes the one that costs least. Two rounds: in the
second every name knows where all others stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

ROUNDS = 2
ANGLES = np.deg2rad(np.arange(0, 360, 30))
DISTANCES = (
    9.0,
    17.0,
    27.0,
    40.0,
    56.0,
    75.0,
)  # points (1/72 inch) from the marker's centre to the name's nearest edge
LEADER_LINE_FROM = 17.0  # points; from this distance on a thin line joins the name to its point
MARKER = 5.0  # points, half a marker's width
# What a place costs per overlapping share of the name's area, and per point of distance.
ON_NAME, ON_MARKER, ON_BAR, OUTSIDE, FAR = 100.0, 60.0, 30.0, 200.0, 0.02


class Label(NamedTuple):
    """A name and its point in data coordinates."""

    text: str
    x: float
    y: float


Box = np.ndarray  # [4]: left, bottom, right, top in pixels


def place_labels(
    axes: Axes, labels: Sequence[Label], bars: Sequence[tuple[float, float, float, float]] = (), *, size: float = 9.0
) -> None:
    """Writes each label beside its point.

    Args:
      axes: with their final limits and scales; a later change of either moves points away from their names.
      bars: (left, bottom, right, top) in data coordinates of the bars that names should not lie on.
      size: of the letters, in points.
    """
    if not labels:
        return
    figure = axes.figure
    figure.draw_without_rendering()
    pixels = figure.dpi / 72  # per point
    renderer = figure.canvas.get_renderer()
    at = axes.transData.transform([(label.x, label.y) for label in labels])
    markers = [np.array([*(point - MARKER * pixels), *(point + MARKER * pixels)]) for point in at]
    sizes = [_extent(axes, label.text, size, renderer) for label in labels]
    bar_boxes = [np.sort(axes.transData.transform([bar[:2], bar[2:]]), axis=0).reshape(-1) for bar in bars]
    inside = np.array(axes.get_window_extent(renderer).extents)
    chosen: list[tuple[Box, float] | None] = [None] * len(labels)
    for _ in range(ROUNDS):
        for index, point in enumerate(at):
            names = [other[0] for position, other in enumerate(chosen) if other and position != index]
            chosen[index] = min(
                _candidates(point, sizes[index], pixels),
                key=lambda candidate: _cost(*candidate, names, markers, bar_boxes, inside),
            )
    for label, point, (box, distance) in zip(labels, at, chosen, strict=True):
        _write(axes, label, (box[:2] - point) / pixels, size, joined=distance >= LEADER_LINE_FROM)


def _extent(axes: Axes, text: str, size: float, renderer) -> np.ndarray:
    """[2], width and height of a text in pixels."""
    written = axes.text(0.5, 0.5, text, fontsize=size, transform=axes.transAxes)
    box = written.get_window_extent(renderer)
    written.remove()
    return np.array([box.width, box.height])


def _candidates(point: np.ndarray, extent: np.ndarray, pixels: float) -> list[tuple[Box, float]]:
    """Boxes around a point, each with its distance in points; the box's nearest edge lies at that distance."""
    found = []
    for distance in DISTANCES:
        for angle in ANGLES:
            direction = np.array([np.cos(angle), np.sin(angle)])
            centre = point + direction * (distance * pixels + np.abs(direction) * extent / 2)
            found.append((np.concatenate([centre - extent / 2, centre + extent / 2]), distance))
    return found


def _cost(box: Box, distance: float, names: Sequence[Box], markers: Sequence[Box], bars: Sequence[Box], inside: Box):
    area = np.prod(box[2:] - box[:2])
    visible = _overlap(box, inside)
    cost = FAR * distance + OUTSIDE * (1 - visible / area)
    for weight, obstacles in ((ON_NAME, names), (ON_MARKER, markers), (ON_BAR, bars)):
        cost += weight * sum(_overlap(box, obstacle, margin=4.0) for obstacle in obstacles) / area
    return cost


def _overlap(first: Box, second: Box, margin: float = 0.0) -> float:
    """Pixels of area that two boxes share, the second one wider by `margin` on each side."""
    width = min(first[2], second[2] + margin) - max(first[0], second[0] - margin)
    height = min(first[3], second[3] + margin) - max(first[1], second[1] - margin)
    return max(width, 0.0) * max(height, 0.0)


def _write(axes: Axes, label: Label, offset: np.ndarray, size: float, *, joined: bool) -> None:
    line = {"arrowstyle": "-", "color": "0.45", "linewidth": 0.6, "shrinkA": 0, "shrinkB": MARKER}
    axes.annotate(label.text, (label.x, label.y), offset, textcoords="offset points", fontsize=size, va="bottom",
                  arrowprops=line if joined else None, annotation_clip=False)  # fmt: skip

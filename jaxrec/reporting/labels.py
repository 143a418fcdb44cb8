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
LEADER_LINE_FROM = 12.0  # points of free space, from which on a thin line joins the name to its point
MARKER = 5.0  # points, half a marker's width
# What a place costs per overlapping share of the name's area, and per point of distance.
ON_NAME, ON_MARKER, ON_BAR, OUTSIDE, FAR = 100.0, 60.0, 30.0, 200.0, 0.02


class Label(NamedTuple):
    """A name and its point in data coordinates."""

    text: str
    x: float
    y: float


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
    extents = [_extent(axes, label.text, size, renderer) for label in labels]
    markers = np.concatenate([at - MARKER * pixels, at + MARKER * pixels], axis=1)
    inside = np.array([axes.get_window_extent(renderer).extents])
    candidates = [_candidates(point, extent, pixels) for point, extent in zip(at, extents, strict=True)]
    obstacles = ((ON_MARKER, markers), (ON_BAR, _bar_boxes(axes, bars)))
    fixed = [_fixed_costs(boxes, obstacles, inside) for boxes in candidates]
    boxes = _choose(candidates, fixed)
    for label, point, box, extent in zip(labels, at, boxes, extents, strict=True):
        gap = np.maximum(np.abs((box[:2] + box[2:]) / 2 - point) - extent / 2, 0)
        _write(axes, label, (box[:2] - point) / pixels, size, joined=np.hypot(*gap) / pixels >= LEADER_LINE_FROM)


def _extent(axes: Axes, text: str, size: float, renderer) -> np.ndarray:
    """[2], width and height of a text in pixels."""
    written = axes.text(0.5, 0.5, text, fontsize=size, transform=axes.transAxes)
    box = written.get_window_extent(renderer)
    written.remove()
    return np.array([box.width, box.height])


def _bar_boxes(axes: Axes, bars: Sequence[tuple[float, float, float, float]]) -> np.ndarray:
    """[N, 4], the bars in pixels."""
    corners = axes.transData.transform(np.reshape(bars, (-1, 2)).astype(float)).reshape(-1, 2, 2)
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def _candidates(point: np.ndarray, extent: np.ndarray, pixels: float) -> np.ndarray:
    """Boxes [C, 4] around a point, near ones first."""
    directions = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
    reach = np.array(DISTANCES)[:, None, None] * pixels + np.abs(directions) * extent / 2
    centres = (point + directions * reach).reshape(-1, 2)
    return np.concatenate([centres - extent / 2, centres + extent / 2], axis=1)


def _fixed_costs(boxes: np.ndarray, obstacles: Sequence[tuple[float, np.ndarray]], inside: np.ndarray) -> np.ndarray:
    """[C], what each box costs for its distance, for leaving the axes and for lying on what does not move."""
    costs = FAR * np.repeat(DISTANCES, len(ANGLES)) + OUTSIDE * (1 - _covered(boxes, inside))
    return costs + sum(weight * _covered(boxes, fixed, margin=4.0) for weight, fixed in obstacles)


def _choose(candidates: Sequence[np.ndarray], fixed: Sequence[np.ndarray]) -> np.ndarray:
    """[N, 4], each label's cheapest box given where the other labels stand."""
    chosen = np.full((len(candidates), 4), np.nan)
    for _ in range(ROUNDS):
        for index, boxes in enumerate(candidates):
            others = np.delete(chosen, index, axis=0)
            others = others[~np.isnan(others[:, 0])]
            costs = fixed[index] + ON_NAME * _covered(boxes, others, margin=4.0)
            chosen[index] = boxes[np.argmin(costs)]
    return chosen


def _covered(boxes: np.ndarray, obstacles: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """[C], the share of each box that obstacles cover, added up; obstacles are wider by `margin` pixels on each side.

    Args:
      boxes: [C, 4]. obstacles: [N, 4].
    """
    low = np.maximum(boxes[:, None, :2], obstacles[None, :, :2] - margin)
    high = np.minimum(boxes[:, None, 2:], obstacles[None, :, 2:] + margin)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return np.prod(np.maximum(high - low, 0.0), axis=2).sum(axis=1) / area


def _write(axes: Axes, label: Label, offset: np.ndarray, size: float, *, joined: bool) -> None:
    line = {"arrowstyle": "-", "color": "0.45", "linewidth": 0.6, "shrinkA": 0, "shrinkB": MARKER}
    axes.annotate(label.text, (label.x, label.y), offset, textcoords="offset points", fontsize=size, va="bottom",
                  arrowprops=line if joined else None, annotation_clip=False)  # fmt: skip

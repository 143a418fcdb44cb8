"""Names at points: none over another, over a marker or outside the axes, however near the points are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.text import Text

from jaxrec.reporting import axes as drawing
from jaxrec.reporting.labels import MARKER, Label, place_labels


def placed(points, bars=(), **scale):
    figure = drawing.blank_figure()
    axes = drawing.add_axes(figure, xlabel="x", ylabel="y")
    x, y = np.array(points, float).T
    axes.scatter(x, y)
    axes.set(**scale)
    axes.margins(0.2)
    place_labels(axes, [Label(f"method_{index}", *point) for index, point in enumerate(points)], bars)
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [
        Text.get_window_extent(text, renderer) for text in axes.texts
    ]  # of the letters, not of a line to the point
    return axes, boxes, axes.transData.transform(points)


@pytest.mark.parametrize("seed", range(4))
def test_no_two_names_overlap_and_no_marker_is_hidden(seed):
    rng = np.random.default_rng(seed)
    points = [*rng.uniform(0, 1, (4, 2)), *(0.5 + rng.uniform(-0.02, 0.02, (6, 2)))]  # six of them on one spot
    axes, boxes, pixels = placed(points)
    assert len(boxes) == 10
    for first, second in itertools.combinations(boxes, 2):
        assert not first.overlaps(second)
    for box, (x, y) in itertools.product(boxes, pixels):
        assert not (box.x0 < x < box.x1 and box.y0 < y < box.y1)
    frame = axes.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in boxes)


def test_a_lone_point_has_its_name_beside_it_without_a_line():
    axes, (box,), (point,) = placed([(0.5, 0.5)])
    assert axes.texts[0].arrow_patch is None
    reach = 4 * MARKER * axes.figure.dpi / 72
    assert box.x0 - reach < point[0] < box.x1 + reach and box.y0 - reach < point[1] < box.y1 + reach


def test_a_name_leaves_an_interval_bar_free():
    _, (box,), (point,) = placed([(0.5, 0.5)], bars=[(0.5, 0.5, 0.9, 0.5)])
    assert box.x1 < point[0] or not box.y0 < point[1] < box.y1

"""The plots show the numbers they were made from, name their axes with units, and are the same file every time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from jaxrec.reporting import axes as drawing
from jaxrec.reporting import plots
from jaxrec.reporting.tables import interval


def test_learning_curves_show_mean_band_and_seeds():
    steps, values = np.array([1, 2, 3]), np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 8.0]])
    methods = {"dt": (steps, values), "a2c": (steps, values + 1)}
    (axes,) = plots.learning_curves({"loss (nats)": methods}).axes
    named = {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}
    np.testing.assert_allclose(named["dt"].get_ydata(), [2.0, 3.0, 5.5])
    assert len(axes.get_lines()) == 2 * (2 + 1)
    top = interval(values[:, 2])[0] + interval(values[:, 2])[1]
    assert axes.collections[0].get_paths()[0].vertices[:, 1].max() == pytest.approx(top)
    assert axes.get_xlabel() == "training steps" and axes.get_ylabel() == "loss\n(nats)"


def test_each_objective_has_its_own_axis_and_a_method_one_colour():
    steps, values = np.array([1, 2]), np.array([[1.0, 2.0], [1.5, 2.5]])
    objectives = {
        "reward per step (reward)": {"a2c": (steps, values)},
        "loss of dt (nats)": {"dt": (steps, values)},
        "loss of a2c (nats)": {"a2c": (steps, values)},
    }
    figure = plots.learning_curves(objectives)
    assert [axes.get_ylabel().replace("\n", " ") for axes in figure.axes] == list(objectives)
    names = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert names == [["a2c"], ["dt"], ["a2c"]]
    colours = [axes.get_lines()[-1].get_color() for axes in figure.axes]
    assert colours[0] == colours[2] != colours[1]
    bars = plots.history_lengths({"dt": [0, 1]}, methods=["a2c", "dt"]).axes[0].patches
    assert to_hex(bars[0].get_facecolor()) == colours[1].lower()


def test_a_long_objective_is_broken_into_lines_that_fit():
    curves = {"loss of decision_transformer.mdt4rec (sum of its terms)": {"m": (np.arange(2), np.ones((1, 2)))}}
    lines = plots.learning_curves(curves).axes[0].get_ylabel().split("\n")
    assert lines == ["loss of", "decision_transformer.mdt4rec", "(sum of its terms)"]


def test_a_single_seed_has_a_line_without_a_band(tmp_path):
    figure = plots.learning_curves({"loss (nats)": {"dt": (np.array([1, 2]), np.array([[1.0, 2.0]]))}})
    drawing.save(figure, tmp_path / "one.png")
    np.testing.assert_allclose(figure.axes[0].collections[0].get_paths()[0].vertices[:, 1].max(), 2.0)


def points_of(count):
    return {f"policy {i}": (np.array([i, i + 2.0]), np.array([0.1, 0.3]) / (i + 1)) for i in range(count)}


def test_return_against_coverage_has_a_log_axis_and_interval_bars():
    axes = plots.return_against_coverage({"FB": points_of(3)}).axes[0]
    assert axes.get_xscale() == "log" and "share" in axes.get_xlabel() and "sum of rewards" in axes.get_ylabel()
    low, high = axes.get_xlim()
    assert low < 0.2 / 3 and high > 0.2
    for index, bars in enumerate(axes.containers):
        line, _, (across, along) = bars
        assert (line.get_xdata()[0], line.get_ydata()[0]) == pytest.approx((0.2 / (index + 1), index + 1.0))
        half = interval([0.0, 2.0])[1]
        assert along.get_segments()[0][:, 1] == pytest.approx([index + 1 - half, index + 1 + half])
        ends = across.get_segments()[0][:, 0]
        assert ends[1] == pytest.approx(sum(interval(np.array([0.1, 0.3]) / (index + 1))))
        assert 0 < ends[0] <= low, "an interval below zero runs out of the axis"


def test_every_point_has_its_name_and_no_two_overlap():
    figure = plots.return_against_coverage({"FB": points_of(6)}, logged={"FB": {"log": 4.0}})
    (axes,) = figure.axes
    figure.draw_without_rendering()
    assert {text.get_text() for text in axes.texts} == {*points_of(6), "log"}
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # of the letters, not of a line to the point
    assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))


def test_modes_stand_side_by_side_and_a_log_is_a_line_in_its_own():
    figure = plots.return_against_coverage({"FB": points_of(2), "NX_0": points_of(2)}, logged={"FB": {"log": 4.0}})
    first, second = figure.axes
    assert (first.get_title(), second.get_title()) == ("FB", "NX_0")
    flat = [line for line in first.get_lines() if list(line.get_ydata()) == [4.0, 4.0]]
    assert len(flat) == 1 and not [line for line in second.get_lines() if list(line.get_ydata()) == [4.0, 4.0]]


def test_history_lengths_are_shares():
    axes = plots.history_lengths({"mdt4rec": [0, 1, 0, 3]}).axes[0]
    bars = [(round(bar.get_x() + bar.get_width() / 2, 6), bar.get_height()) for bar in axes.patches]
    assert bars == [(1.0, 25.0), (3.0, 75.0)]
    assert "(%)" in axes.get_ylabel() and "(steps)" in axes.get_xlabel()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mdt4rec"]


def test_the_same_figure_is_the_same_file(tmp_path):
    for name in ("a.png", "b.png"):
        drawing.save(plots.return_against_coverage({"FB": points_of(3)}), tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second and first.startswith(b"\x89PNG")


def test_no_window_and_no_global_state(run_python):
    code = "import sys, jaxrec.reporting.plots as p; p.history_lengths({}); print('matplotlib.pyplot' in sys.modules)"
    assert run_python(code).stdout.strip() == "False"

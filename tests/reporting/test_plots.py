"""The plots show the numbers they were given, name their axes with units, and are the same file every time."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from jaxrec.reporting import plots
from jaxrec.reporting.tables import interval


def test_learning_curves_show_mean_band_and_seeds():
    steps, values = np.array([1, 2, 3]), np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 8.0]])
    axes = plots.learning_curves({"dt": (steps, values), "a2c": (steps, values + 1)}, ylabel="loss (nats)").axes[0]
    named = {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}
    np.testing.assert_allclose(named["dt"].get_ydata(), [2.0, 3.0, 5.5])
    assert len(axes.get_lines()) == 2 * (2 + 1)
    top = interval(values[:, 2])[0] + interval(values[:, 2])[1]
    assert axes.collections[0].get_paths()[0].vertices[:, 1].max() == pytest.approx(top)
    assert axes.get_xlabel() == "updates" and axes.get_ylabel() == "loss (nats)"


def test_a_single_seed_has_a_line_without_a_band(tmp_path):
    figure = plots.learning_curves({"dt": (np.array([1, 2]), np.array([[1.0, 2.0]]))}, ylabel="loss (nats)")
    plots.save(figure, tmp_path / "one.png")
    assert figure.axes[0].get_legend() is None


def test_return_against_coverage_marks_every_policy():
    points = {f"policy {i}": (np.array([i, i + 2.0]), np.array([0.1, 0.3])) for i in range(9)}
    axes = plots.return_against_coverage(points).axes[0]
    drawn = [c for c in axes.collections if isinstance(c, PathCollection)]
    centres = [c for c in drawn if not c.get_label().startswith("_")]
    np.testing.assert_allclose(np.concatenate([c.get_offsets() for c in centres]), [(0.2, i + 1) for i in range(9)])
    assert len(drawn) == 18 and "share" in axes.get_xlabel() and "sum of rewards" in axes.get_ylabel()


def test_history_lengths_are_shares():
    axes = plots.history_lengths({"mdt4rec": [0, 1, 0, 3]}).axes[0]
    bars = [(round(bar.get_x() + bar.get_width() / 2, 6), bar.get_height()) for bar in axes.patches]
    assert bars == [(1.0, 25.0), (3.0, 75.0)]
    assert "(%)" in axes.get_ylabel() and "(steps)" in axes.get_xlabel()


def test_the_same_figure_is_the_same_file(tmp_path):
    for name in ("a.png", "b.png"):
        plots.save(plots.history_lengths({"x": [0, 2, 5], "y": [1, 1, 0]}), tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second and first.startswith(b"\x89PNG")


def test_no_window_and_no_global_state(run_python):
    code = "import sys, jaxrec.reporting.plots as p; p.history_lengths({}); print('matplotlib.pyplot' in sys.modules)"
    assert run_python(code).stdout.strip() == "False"

"""The report says what it was given, links only files that are there, and leaves out what is empty."""

from __future__ import annotations

import re

import numpy as np

from jaxrec.reporting import report


def _report(**changes):
    shared = {"FB/coverage": np.array([0.1, 0.2]), "NX_0/R_cumu": np.array([1.0, 1.0])}
    results = {name: {"FB/R_cumu": np.array([r, r + 2.0]), **shared} for name, r in (("mdt4rec", 8.0), ("random", 3.0))}
    fields = dict(
        title="MDT4Rec in the embedded world",
        results=results,
        reference={"mdt4rec": {"FB/R_cumu": 10.5}},
        num_episodes=100,
        curves={"loss/total (nats)": {"mdt4rec": (np.array([1, 2]), np.array([[2.0, 1.0], [2.0, 1.5]]))}},
        lengths={"mdt4rec": [0, 3, 5]},
        training={"rewards": "model fitted on train rows", "users": 290, "threshold": 29.634570714909195},
        test={"rewards": "model fitted on test rows", "users": 290},
        config={"seed": 0, "stages": {"mdt4rec": {"num_steps": 2000}}},
        speed={"mdt4rec": "120 steps/s"},
        notes=["Lengths above 20 were not trained."],
    )
    return report.Report(**{**fields, **changes})


def test_everything_given_is_there(tmp_path):
    text = report.write(tmp_path, _report()).read_text()
    assert "| mdt4rec" in text and "9.000 ± 12.706" in text and "mdt4rec (published)" in text
    assert "2 seeds, 100 episodes each" in text
    assert "| rewards   | model fitted on train rows | model fitted on test rows | **differs** |" in text
    assert re.search(r"\| users +\| 290 +\| 290 +\| same +\|", text)
    assert "| threshold | 29.6346 " in text
    assert re.search(r"\| `stages\.mdt4rec\.num_steps` +\| `2000` +\|", text)
    assert "120 steps/s" in text and "(cpu)" in text and "Lengths above 20 were not trained." in text


def test_plots_stand_beside_it(tmp_path):
    text = report.write(tmp_path, _report()).read_text()
    linked = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text))
    assert linked == {path.name for path in tmp_path.glob("*.png")}
    assert linked == {
        "return_against_coverage_fb.png",
        "learning_curves_loss_total_nats.png",
        "history_lengths_chosen.png",
    }


def test_empty_sections_are_left_out(tmp_path):
    bare = _report(reference={}, curves={}, lengths={}, training={}, test={}, config={}, speed={}, notes=[])
    text = report.write(tmp_path, bare).read_text()
    assert re.findall(r"^## (.*)$", text, re.M) == ["Results", "Plots", "Machine and speed"]


def test_flat():
    assert report.flat({"a": {"b": 1, "c": {"d": 2}}, "e": {}}) == {"a.b": 1, "a.c.d": 2, "e": {}}

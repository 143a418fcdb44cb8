"""The report begins with its result, shows what differs and folds what does not, links only files that are there."""

from __future__ import annotations

import re

import numpy as np

from jaxrec.reporting import report


def _report(**changes):
    shared = {"FB/coverage": np.array([0.1, 0.2, 0.3]), "NX_0/R_cumu": np.array([1.0, 1.0, 1.0])}
    returns = {"mdt4rec": [8.0, 10.0, 9.0], "dt": [8.0, 9.0, 9.5], "random": [3.0, 4.0, 4.0]}
    fields = dict(
        title="MDT4Rec in the embedded world",
        results={name: {"FB/R_cumu": np.array(values), **shared} for name, values in returns.items()},
        reference={"mdt4rec": {"FB/R_cumu": 10.5}},
        logged={"log": {"FB/R_cumu": 5.25}},
        baselines=["random"],
        learned_from={"mdt4rec": "trained on the log `log` alone", "random": "not trained"},
        paired_seeds=True,
        num_episodes=100,
        curves={"loss (nats)": {"mdt4rec": (np.array([1, 2]), np.array([[2.0, 1.0], [2.0, 1.5]]))}},
        lengths={"mdt4rec": [0, 3, 5]},
        training={"rewards": "model fitted on train rows", "users": 290, "threshold": 29.634570714909195},
        test={"rewards": "model fitted on test rows", "users": 290, "threshold": 29.634570714909195},
        config={"seed": 0, "stages": {"mdt4rec": {"num_steps": 2000, "width": 64}}},
        changed={"stages.mdt4rec.width": (128, 64)},
        speed={"mdt4rec": "120 steps/s"},
        notes=["Lengths above 20 were not trained."],
    )
    return report.Report(**{**fields, **changes})


def _folded(text):
    """The text inside `details`, and the text outside."""
    inside = "".join(re.findall(r"<details>.*?</details>", text, re.S))
    return inside, re.sub(r"<details>.*?</details>", "", text, flags=re.S)


def test_the_result_is_the_first_sentence(tmp_path):
    lines = report.write(tmp_path, _report()).read_text().splitlines()
    assert lines[0] == "# MDT4Rec in the embedded world"
    assert lines[2].startswith(
        "**In mode FB (items may repeat, users may leave), `mdt4rec` (trained on the log `log` alone)"
    )
    assert "level with `dt`" in lines[2] and "ahead of `random`, the best trivial baseline, by 5.333" in lines[2]


def test_an_experiment_may_name_what_it_compares(tmp_path):
    lines = report.write(tmp_path, _report(lead="NX_0/R_cumu")).read_text().splitlines()
    assert lines[2].startswith("**In mode NX_0 (no item repeats, users may leave), `mdt4rec`")


def test_everything_is_there(tmp_path):
    text = report.write(tmp_path, _report()).read_text()
    assert "| mdt4rec" in text and "9.000 ± 2.484" in text and "mdt4rec (published)" in text
    assert re.search(r"\| log \(its episodes\) +\| +5\.250 \|", text)
    assert "3 seeds, 100 episodes each" in text and "* `random`: not trained" in text
    assert "\nItems may repeat, users may leave.\n" in text and "\nNo item repeats, users may leave.\n" in text
    assert "* `coverage`: share of the items recommended at least once" in text
    assert "120 steps/s" in text and "(cpu)" in text and "Lengths above 20 were not trained." in text


def test_p_values_stand_where_seeds_are_paired(tmp_path):
    text = report.write(tmp_path, _report()).read_text()
    assert "two-tailed paired t-test; p is not corrected for the number of methods" in text
    # differences 5, 6, 5: mean 16/3, standard error 1/3, t = 16, two degrees of freedom: p = 1 - 16 / sqrt(258)
    assert re.search(r"\| `random` +\| +5\.333 \| +3\.899 \| 6\.768 \| 0\.0039 \| +ahead \|", text)
    unpaired = report.write(tmp_path, _report(paired_seeds=False)).read_text()
    assert "paired t-test" not in unpaired and "(Welch's 95 % interval over seeds)" in unpaired


def test_shared_settings_are_folded_and_differing_ones_are_not(tmp_path):
    inside, outside = _folded(report.write(tmp_path, _report()).read_text())
    assert "| rewards | model fitted on train rows | model fitted on test rows |" in outside
    assert "<summary>2 settings that both share</summary>" in inside
    assert re.search(r"\| users +\| 290 +\|", inside) and "| threshold | 29.6346 " in inside
    assert "users" not in outside.partition("## Training and test environment")[2].partition("##")[0]
    alike = report.write(tmp_path, _report(test=_report().training)).read_text()
    assert "The two environments have the same settings." in alike


def test_changed_options_are_shown_and_marked(tmp_path):
    inside, outside = _folded(report.write(tmp_path, _report()).read_text())
    assert "1 option of the algorithms changed from their defaults" in outside
    assert "| `stages.mdt4rec.width` | `128`   | `64` |" in outside and "num_steps" not in outside
    assert re.search(r"\| `stages\.mdt4rec\.width` +\| `64` +\| changed +\|", inside)
    assert re.search(r"\| `stages\.mdt4rec\.num_steps` +\| `2000` +\| +\|", inside)


def test_plots_stand_beside_it(tmp_path):
    text = report.write(tmp_path, _report()).read_text()
    linked = set(re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text))
    assert linked == {path.name for path in tmp_path.glob("*.png")}
    assert linked == {"return_against_coverage_fb.png", "learning_curves.png", "history_lengths_chosen.png"}


def test_a_plot_of_an_earlier_report_goes(tmp_path):
    report.write(tmp_path, _report())
    text = report.write(tmp_path, _report(lengths={})).read_text()
    assert "history_lengths" not in text and not (tmp_path / "history_lengths_chosen.png").exists()
    assert (tmp_path / "learning_curves.png").exists()


def test_rows_that_learned_from_the_same_are_not_listed(tmp_path):
    text = report.write(tmp_path, _report(learned_from=dict.fromkeys(("mdt4rec", "dt", "random"), "x"))).read_text()
    assert "(x)" not in text and "* `dt`" not in text


def test_empty_sections_are_left_out(tmp_path):
    empty = dict.fromkeys(
        ("reference", "logged", "learned_from", "curves", "lengths", "training", "test", "config"), {}
    )
    text = report.write(tmp_path, _report(**empty, changed={}, speed={}, notes=[])).read_text()
    assert re.findall(r"^## (.*)$", text, re.M) == ["Results", "Plots", "Machine and speed"]


def test_one_row_and_one_seed(tmp_path):
    text = report.write(
        tmp_path, report.Report("GPT-2", {"gpt2": {"validation/perplexity": np.array([20.5])}})
    ).read_text()
    assert "`gpt2` has the lowest perplexity, 20.50; no other method was measured beside it." in text
    assert "One seed, so there is no interval over seeds." in text and "is ahead" not in text


def test_a_metric_without_a_better_side_has_no_headline(tmp_path):
    lines = report.write(tmp_path, report.Report("speed", {"a": {"seconds": np.ones(2)}})).read_text().splitlines()
    assert lines[2] == "## Results"

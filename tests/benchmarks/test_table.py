"""The committed tables are what the committed results give; and the generator on results made up here."""

from __future__ import annotations

import json

import pytest

from benchmarks import table
from jaxrec.base import checksums

_MACHINE = {"device": "Some CPU", "platform": "cpu", "num_devices": 1, "cpu_count": 2, "load_1m": 0.5}
_MACHINE |= {"jax": "0.10.2", "python": "3.11.7"}


def _line(folder, file="env.json", **fields):
    row = {"name": "env_coat_rule_100", "num_envs": 100, "steps_per_s": 3.5e6, "median_s": 0.0021, **fields, **_MACHINE}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / file).open("a") as out:
        out.write(json.dumps(row) + "\n")


@pytest.fixture(scope="module")
def pages():
    """Every page with tables, as it must be."""
    return table.pages()


@pytest.mark.parametrize("page", sum(table.paths(), []), ids=lambda page: str(page.relative_to(table.REPOSITORY)))
def test_committed_tables_are_up_to_date(page, pages):
    assert page.read_text() == pages[page], "run: python -m benchmarks.table --write"


def test_the_pages_that_hold_tables_have_their_markers():
    assert all("<!-- table:" in page.read_text() for page in table.PAGES)


def test_a_line_answers_its_question(tmp_path):
    _line(tmp_path, min_s=0.002, max_s=0.5, compile_s=3.25, peer_steps_per_s=1e5)
    made = table.benchmarks(table.lines(tmp_path))
    assert "**Some CPU, 2 cores**" in made and "### Environments: steps a second" in made
    assert "(jax 0.10.2, Python 3.11.7; load 0.5.)" in made
    cells = [cell.strip() for cell in made.splitlines()[-1].strip("|").split("|")]
    case, peer = "Coat's exit rule, 100 users at once", "100k steps/s (Gymnasium, 100 users)"
    assert cells == [case, "3.5M steps/s", peer, "35 x", "2 ms to 500 ms", "3.2 s"]


def test_a_peer_with_fewer_users_is_no_ratio(tmp_path):
    _line(tmp_path, num_envs=8192, peer_steps_per_s=1e5)
    made = table.benchmarks(table.lines(tmp_path))
    assert "100k steps/s (Gymnasium, 100 users)" in made and "| ratio" not in made


def test_columns_that_no_line_fills_are_left_out(tmp_path):
    _line(tmp_path)
    header = table.benchmarks(table.lines(tmp_path)).splitlines()[-3]
    assert [cell.strip() for cell in header.strip("|").split("|")] == ["case", "jaxrec"]


def test_a_benchmark_without_a_question_is_named(tmp_path):
    _line(tmp_path, name="something")
    with pytest.raises(ValueError, match="something.* answer no question; add one to benchmarks/questions.py"):
        table.benchmarks(table.lines(tmp_path))


def test_one_mode_of_a_job_is_shown_alone(tmp_path):
    table.record("coat", _workdir(tmp_path / "run"), "python", 1.0, tmp_path)
    made = table.filled("<!-- table:job:coat:FB -->\n<!-- /table -->", tmp_path)
    assert "*FB*" not in made and "log (its episodes)" in made


def test_the_last_of_equal_runs_counts_and_other_options_are_other_rows(tmp_path):
    _line(tmp_path, steps_per_s=1e6)
    _line(tmp_path, steps_per_s=2e6)
    _line(tmp_path, num_envs=8192, steps_per_s=7e6)
    assert [row["steps_per_s"] for row in table.lines(tmp_path)] == [2e6, 7e6]


def test_a_page_is_filled_between_its_markers_only(tmp_path):
    _line(tmp_path)
    page = "before\n<!-- table:benchmarks -->\nold\n<!-- /table -->\nafter <!-- /table -->\n"
    made = table.filled(page, tmp_path)
    assert made.startswith("before\n<!-- table:benchmarks -->\n**Some CPU") and "old" not in made
    assert made.endswith("|\n<!-- /table -->\nafter <!-- /table -->\n")
    assert table.filled(made, tmp_path) == made
    with pytest.raises(ValueError, match="neither"):
        table.filled("<!-- table:other -->\n<!-- /table -->", tmp_path)


def _leads(folder, num_episodes, marker):
    (folder / "jobs").mkdir(parents=True)
    results = {"a": {"FB/R_cumu": [2.0, 3.0, 4.0]}, "b": {"FB/R_cumu": [0.0, 1.0, 3.5]}}
    stored = {"results": results, "num_episodes": num_episodes}
    (folder / "jobs" / "x.json").write_text(json.dumps(stored))
    made = table.filled(f"<!-- table:lead:x:{marker} -->\n<!-- /table -->", folder)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in made.splitlines()[1:-1]]


def test_a_lead_over_episodes_is_paired_by_seed(tmp_path):
    """Differences 2, 2, 0.5: mean 1.5, standard error 0.5, t(2) 4.3027, half 2.151."""
    rows = _leads(tmp_path, 100, "a/b:b/a")
    assert rows[0] == ["R_cumu of", "ahead of", "FB"]
    assert rows[2:] == [["a", "b", "1.500 (-0.6513 to 3.651)"], ["b", "a", "-1.500 (-3.651 to 0.6513)"]]


def test_a_lead_over_rankings_has_welchs_interval(tmp_path):
    """Variances 1 and 3.25 over 3 seeds: error 1.1902, 3.1239 degrees of freedom, t 3.1116, half 3.704."""
    assert _leads(tmp_path, 0, "a/b")[2:] == [["a", "b", "1.500 (-2.204 to 5.204)"]]


def _workdir(folder):
    stages = {
        "log": {"kind": "collect"},
        "dt": {"kind": "fit"},
        "evaluation": {"kind": "evaluate", "evaluator": {"num_episodes": 100}, "policies": ["dt"]},
    }
    config = {"order": list(stages), "stages": stages, "reference": {"dt": [81.8, 2.73, 29.92]}}
    for stage in stages:
        (folder / stage).mkdir(parents=True)
        kinds = {"expert": {"episodes": 30, "mean_return": 8.0, "mean_length": 4.0},
                 "random": {"episodes": 10, "mean_return": 4.0, "mean_length": 4.0}}  # fmt: skip
        if stage == "evaluation":
            metrics = {"FB/R_cumu": [1.0, 3.0], "FB/histogram/history_length": [[0, 1], [0, 1]]}
            (folder / stage / "results.json").write_text(json.dumps({"dt": metrics}))
        about = {"seconds": 2.5, "kinds": kinds, "files": checksums.of_folder(folder / stage)}
        checksums.write(folder / stage / "done.json", about)
    checksums.write(folder / "config.json", config)
    return folder


def test_a_job_is_recorded_and_shown(tmp_path):
    path = table.record("coat", _workdir(tmp_path / "run"), "python -m jaxrec.main", 150.0, tmp_path / "results")
    assert json.loads(path.read_text())["stage_s"] == {"log": 2.5, "dt": 2.5, "evaluation": 2.5}
    made = table.filled("<!-- table:job:coat -->\n<!-- /table -->", tmp_path / "results")
    assert "`python -m jaxrec.main`: 2 min 30 s on" in made and "over 2 seeds of 100 episodes" in made
    assert "log (its episodes)" in made and "7.000" in made  # (30 * 8 + 10 * 4) / 40
    assert "| 2.000 ± 12.706 |" in made and "81.8" in made and "histogram" not in made
    bare = table.filled("<!-- table:bare:coat -->\n<!-- /table -->", tmp_path / "results")
    assert "| 2.000 ± 12.706 |" in bare and "published" not in bare
    assert "Not measured yet." in table.filled("<!-- table:job:other -->\n<!-- /table -->", tmp_path / "results")
    assert table.lines(tmp_path / "results") == []


def test_the_front_pages_picture_has_a_panel_per_mode():
    first, second = table.picture(table.RESULTS / "jobs" / f"{table.PICTURED}.json").axes
    assert first.get_title().startswith("FB: ") and second.get_title().startswith("NX_0: ")
    assert {text.get_text() for text in second.texts} == {"mdt4rec", "dt", "a2c", "static_cycle", "popular", "random"}

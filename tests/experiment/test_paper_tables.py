"""A paper's tables: refused where their rows are not played, and written from results stored here by hand."""

from __future__ import annotations

import json

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.config import outputs
from jaxrec.experiment import preflight, summary
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import write_json
from tests.experiment import tiny

PUBLISHED = {"a2c": (90.0, 3.0, 30.0), "random": (10.0, 2.0, 5.0)}


def config_with(leader: str, *rows: str):
    config = tiny.get_config()
    config.tables.first = outputs.table("Table 1: methods", leader, rows, PUBLISHED)
    return config


@pytest.mark.parametrize(
    ("leader", "rows", "message"),
    [
        ("a2c", ("a2c", "sac"), "tables.first names row 'sac', which the last evaluation does not play"),
        ("dt", ("a2c", "random"), "tables.first: leader 'dt' is none of its rows"),
    ],
)
def test_a_row_that_is_not_there_is_named(tmp_path, leader, rows, message):
    with pytest.raises(JaxrecError, match=message):
        preflight.check(Resources(config_with(leader, *rows), tmp_path))


def test_what_a_figure_or_a_reference_lacks_is_named(tmp_path):
    config = tiny.get_config()
    config.reference = {"a2c": (1.0, 2.0)}
    with pytest.raises(JaxrecError, match="reference.a2c has 2 numbers: give R_cumu, R_avg and Length"):
        preflight.check(Resources(config, tmp_path))
    config = tiny.get_config()
    config.figures.one = outputs.figure("Figure 1", {"a2c": "A2C", "random": "at random"}, ("FB/R_avg",))
    config.figures.one.labels = ("A2C",)
    with pytest.raises(JaxrecError, match=r"figures.one.labels are 1: give one for each of \('a2c', 'random'\)"):
        preflight.check(Resources(config, tmp_path))


def test_a_metric_that_was_not_measured_is_named_and_trains_nothing_anew():
    results = {row: {"FB/R_cumu": [1.0], "FB/R_avg": [0.5]} for row in ("a2c", "random")}
    summary.check_metrics(config_with("a2c", "a2c", "random"), results)
    config = config_with("a2c", "a2c", "random")
    config.tables.first.mode = "NX_9"
    with pytest.raises(JaxrecError, match="tables.first.lead asks for 'NX_9/R_cumu', .* which trains nothing"):
        summary.check_metrics(config, results)
    config = tiny.get_config()
    config.figures.one = outputs.figure("Figure 1", {"a2c": "A2C"}, ("FB/R_avg", "FB/R_cumulative"))
    with pytest.raises(JaxrecError, match="figures.one.metrics asks for 'FB/R_cumulative'"):
        summary.check_metrics(config, results)


def test_tables_are_written_from_the_stored_results(tmp_path):
    resources = Resources(config_with("a2c", "a2c", "random"), tmp_path)
    for name in resources.config.order:
        resources.folder(name).path.mkdir()
        about = {
            "kinds": {"all": {"episodes": 10, "random_step_probability": 0.2, "mean_return": 4.0, "mean_length": 3}}
        }
        resources.folder(name).finish({"seconds": 65.0, **about})
    scores = {"a2c": [5.0, 7.0], "random": [1.0, 1.5]}
    metrics = ("FB/R_cumu", "FB/R_avg", "FB/Length")
    results = {row: dict.fromkeys(metrics, values) for row, values in scores.items()}
    write_json(resources.folder("evaluation").path / "results.json", results)

    assert f"tables: {tmp_path / 'tables.md'}" in summary.write(resources)
    stored = json.loads((tmp_path / "tables.json").read_text())
    table = stored["tables"]["first"]
    assert table["results"]["a2c"]["FB/R_cumu"] == [5.0, 7.0] and table["seconds"] == {"a2c": 65.0, "random": 65.0}
    assert table["published"]["random"] == {"R_cumu": 10.0, "R_avg": 2.0, "Length": 5.0}
    assert [found["ahead"] for found in table["orderings"]] == [4.75, 4.75]
    report = (tmp_path / "report.md").read_text()
    assert "**In mode FB (items may repeat, users may leave), `a2c` (trained online in environment `train`)" in report
    assert "level with `random`, the next method and the best trivial baseline" in report
    assert "algorithms changed from their defaults" in report and "* `random`: not trained" in report
    assert ("log (its episodes)" in report) == any(s.kind == "collect" for s in resources.config.stages.values())
    page = (tmp_path / "tables.md").read_text()
    assert "## Table 1: methods" in page and "| a2c (published)" in page and "1 min 5 s" in page

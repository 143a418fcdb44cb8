"""The same command after something changed: only what depends on it is made again, and one line says why."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jaxrec import experiment
from jaxrec.experiment.resources import Resources
from tests.experiment import tiny


@pytest.fixture
def run(tmp_path, capsys):
    """`run(change) -> (what was said, params, HR@1)` of the same workdir, after a change of the config."""
    tiny.write_log(tmp_path / "log.csv")

    def again(change=lambda config: None):
        config = tiny.sequences_config(tmp_path / "log.csv")
        change(config)
        experiment.run(config, tmp_path / "run")
        said = capsys.readouterr()
        results = json.loads((tmp_path / "run" / "evaluation" / "results.json").read_text())
        params = Resources(config, tmp_path / "run").fitted("model").params
        return said.out + said.err, np.asarray(params["output"]["table"]), results["model"]["ranking/HR@1"]

    return again


def test_a_replaced_file_is_learned_from_and_measured_on(run, tmp_path):
    _, before, _ = run()
    tiny.write_log(tmp_path / "log.csv", shift=3)
    said, after, hits = run()
    assert "model is not as it was: data changed" in said and (before != after).any()
    # As a fresh workdir has it.
    config = tiny.sequences_config(tmp_path / "log.csv")
    experiment.run(config, tmp_path / "fresh")
    fresh = json.loads((tmp_path / "fresh" / "evaluation" / "results.json").read_text())
    assert fresh["model"]["ranking/HR@1"] == hits
    assert not list((tmp_path / "run").glob("*.old"))


def test_a_ranking_cut_trains_nothing(run):
    _, before, hits = run()
    said, after, same = run(lambda c: c.stages.evaluation.evaluator.update(ks=(1, 3)))
    assert "evaluation is not as it was: evaluator.ks [1, 2] -> [1, 3]" in said
    assert "model: done before" in said and (before == after).all() and same == hits


def test_what_plays_no_part_makes_nothing_again(run, tmp_path):
    first, before, hits = run()
    assert "model: 4/4" in first
    said, after, same = run(lambda c: c.data.update(root=str(tmp_path)))
    assert "not as it was" not in said and "model: done before" in said and (before == after).all() and same == hits


def test_more_steps_are_added_to_those_that_were_made(run, tmp_path):
    run()
    said, grown, _ = run(lambda c: c.stages.model.update(num_steps=8))
    assert "model is not as it was: num_steps 4 -> 8" in said and "model: 2/8" not in said and "model: 8/8" in said
    config = tiny.sequences_config(tmp_path / "log.csv")
    config.stages.model.num_steps = 8
    experiment.run(config, tmp_path / "unbroken")
    unbroken = Resources(config, tmp_path / "unbroken").fitted("model").params
    np.testing.assert_array_equal(grown, np.asarray(unbroken["output"]["table"]))
    metrics = [(tmp_path / place / "metrics.jsonl").read_bytes() for place in ("run", "unbroken")]
    assert metrics[0] == metrics[1]


def test_the_artifact_before_is_there_until_the_new_one_is_whole(run, tmp_path):
    from jaxrec.training.loop import Stopped

    run()
    config = tiny.sequences_config(tmp_path / "log.csv")
    config.stages.model.algorithm.width = 8
    stops = iter((False, True, True))
    with pytest.raises(Stopped):
        experiment.run(config, tmp_path / "run", stop_requested=lambda: next(stops))
    assert (tmp_path / "run" / "model.old" / "done.json").exists()
    said, _, _ = run()  # asked for again, it is taken back at once
    assert "kept aside" in said and "model: done before" in said

"""A fit that watches keeps its best parameters by validation data, and never looks at what an evaluation measures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.config import declare
from jaxrec.experiment import preflight
from jaxrec.experiment.resources import Resources
from tests.experiment import tiny


def config_of(folder, **watch):
    tiny.write_log(folder / "log.csv", num_users=30)
    config = tiny.sequences_config(folder / "log.csv")
    config.datasets.validation = config.datasets.sequences.copy_and_resolve_references()
    config.datasets.validation.held_out = "validation"
    options = {"on": "validation", "metric": "ranking/NDCG@5", "every": 2} | watch
    config.stages.model.watch = declare.watch(options.pop("on"), options.pop("metric"), **options)
    config.stages.model.num_steps = 6
    return config


def test_the_best_of_each_seed_is_kept(tmp_path):
    config = config_of(tmp_path)
    experiment.run(config, tmp_path / "run")
    about = json.loads((tmp_path / "run" / "model" / "done.json").read_text())["watched"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    scores = {
        line["step"]: line["seeds"]["watch/ranking/NDCG@5"] for line in lines if "watch/ranking/NDCG@5" in line["seeds"]
    }
    assert about["metric"] == "ranking/NDCG@5" and sorted(scores) == [2, 4, 6]
    best = np.max(list(scores.values()), axis=0)
    np.testing.assert_allclose(about["best"], best, rtol=1e-6)
    assert [scores[step][seed] for seed, step in enumerate(about["best_step"])] == best.tolist()
    steps = ", ".join(map(str, about["best_step"]))
    said = f"`model` kept the parameters of the best ranking/NDCG@5 on `validation`, of step {steps} by seed."
    assert said in (tmp_path / "run" / "report.md").read_text()
    # Ranked on the same validation sequences, the stored parameters reach what was measured at the best step.
    again = config.copy_and_resolve_references()
    again.stages.evaluation.on = "validation"
    again.stages.evaluation.evaluator.ks = (5,)
    again.stages.model.watch = config.stages.model.watch
    resources = Resources(again, tmp_path / "run")
    measured = experiment.stages.load("evaluate")._measured(resources, "evaluation", "model")[0]
    np.testing.assert_allclose(measured.metrics["ranking/NDCG@5"], best, rtol=1e-6)


@pytest.mark.parametrize(
    ("watch", "message"),
    [
        ({"on": "sequences"}, "'sequences' is what stage 'evaluation' measures on"),
        ({"every": 0}, "watch.every is 0"),
        ({"every": 3}, "watch.every is 3: set it to a multiple of steps_per_call, which is 2"),
        ({"patience": -1}, "watch.patience is -1"),
        ({"on": "model"}, "needs 'model', which does not run before it"),
    ],
)
def test_a_watch_that_cannot_be_is_refused(tmp_path, watch, message):
    with pytest.raises(JaxrecError, match=message):
        preflight.check(Resources(config_of(tmp_path, **watch), tmp_path / "run"))


@pytest.mark.parametrize("learned", [{}, {"long": "recent"}, {"joined": True}])
def test_the_test_data_under_another_name_is_refused(tmp_path, learned):
    config = config_of(tmp_path)
    config.datasets.validation.update(held_out="test", **learned)
    with pytest.raises(JaxrecError, match="choosing by the test data"):
        preflight.check(Resources(config, tmp_path / "run"))


def test_episodes_of_the_test_users_choose_nothing_however_long_they_are(tmp_path):
    config = tiny.get_config()
    config.datasets.again = config.datasets.test.copy_and_resolve_references()
    config.datasets.again.max_turn = 5
    config.stages.a2c.watch = declare.watch("again", "FB/R_cumu", every=2)
    with pytest.raises(JaxrecError, match="choosing by the test data"):
        preflight.check(Resources(config, tmp_path / "run"))


def test_an_unknown_metric_is_named(tmp_path):
    with pytest.raises(JaxrecError, match=r"watch.metric 'ranking/NDGC@5' is none of \['ranking/CV_div@10'"):
        preflight.check(Resources(config_of(tmp_path, metric="ranking/NDGC@5"), tmp_path / "run"))

"""The next-item job end to end: sequences of the log, models fitted on them, one full ranking of all."""

from __future__ import annotations

import json

import pytest

from configs import next_item
from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import facts
from jaxrec.experiment.resources import Resources


def test_a_model_is_ranked_and_nothing_runs_twice(tmp_path, capsys):
    config = next_item.get_config("smoke")
    config.order, config.stages.evaluation.policies = ("sasrec", "evaluation"), ("sasrec",)
    config.tables = {}
    config.datasets.sequences.published = {"source": "Table 1", "sessions": 7, "items": 41}
    table = experiment.run(config, tmp_path)
    results = json.loads((tmp_path / "evaluation" / "results.json").read_text())
    assert set(results) == {"sasrec"}
    for metrics in results.values():
        kinds = ("HR", "NDCG", "CV_div", "CV_nov", "R")  # users split whole have no past
        assert set(metrics) == {f"ranking/{kind}@{k}" for kind in kinds for k in (5, 10, 20)}
        assert all(len(values) == 2 for values in metrics.values())
        assert 0 < metrics["ranking/HR@10"][0] <= 1 and 0 < metrics["ranking/CV_div@10"][1] <= 1
    assert "HR@10" in table and "sasrec" in table
    counts = Resources(config, tmp_path).spec("sequences").counts
    ours = ", ".join(f"{counts[name]:,} {name}" for name in ("sessions", "items", "events"))
    said = f"Sequences `sequences`: {ours}; Table 1 has 7 sessions, 41 items."
    assert said in capsys.readouterr().err and said in (tmp_path / "report.md").read_text()
    mark = (tmp_path / "sasrec" / "done.json").stat().st_mtime_ns
    assert experiment.run(config, tmp_path) == table
    assert (tmp_path / "sasrec" / "done.json").stat().st_mtime_ns == mark


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("datasets.sequences.long", "all", "datasets.sequences.long is 'all': set it to one of cut, recent"),
        ("datasets.sequences.split", "rows", "sequences.split is 'rows': set it to one of user, last_session"),
        ("datasets.sequences.min_session", 9999, "leave nothing"),
        ("stages.evaluation.evaluator.ks", (0,), r"evaluator.ks is \(0,\): set it to whole numbers"),
        ("datasets.sequences.length", -1, "sequences.length is -1: set it to a whole number from 1 upward"),
        ("datasets.sequences.head", float("nan"), "sequences.head is nan"),
        ("stages.sasrec.algorithm.batch_size", 0, "stages.sasrec.algorithm.batch_size is 0"),
        ("stages.sasrec.algorithm.encoder", "lstm", "algorithm.encoder is 'lstm': set it to one of"),
        ("stages.evaluation.on", "nothing", "nor a dataset"),
    ],
)
def test_mistakes_are_seen_before_anything_is_trained(tmp_path, path, value, message):
    config = next_item.get_config("smoke")
    *nodes, leaf = path.split(".")
    node = config
    for name in nodes:
        node = node[name]
    node[leaf] = value
    with pytest.raises(JaxrecError, match=message):
        experiment.run(config, tmp_path)
    assert not (tmp_path / "gru4rec").exists()


def test_the_last_session_of_users_and_sessions_by_pauses(tmp_path):
    config = next_item.get_config("smoke")
    config.datasets.sequences.update({"split": "last_session", "session_minutes": 600.0, "min_session": 2})
    data, spec = Resources(config, tmp_path).dataset("sequences")
    users = [user for bucket in data.test for user in bucket.user.tolist()]
    assert len(set(users)) == len(users), "one test session a user"
    assert any((past >= 0).any() for past in data.past) and spec.length + 1 == data.train.item.shape[1] == 11


def test_own_files_say_how_they_were_read_and_which_split_is_used(tmp_path):
    lines = [f"{user},{item},{item}" for user in range(6) for item in range(5)]
    (tmp_path / "train.csv").write_text("\n".join(["userId,item,timestamp", *lines]) + "\n")
    (tmp_path / "test.csv").write_text("userId,item,timestamp\n0,5,9\n1,5,9\n")
    config = next_item.get_config("csv")
    files = {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv"), "rating": ""}
    config.data.options.update(files)
    said = facts.of_datasets(Resources(config, tmp_path))
    assert said[0] == "train.csv: users are in column 'userId'." and "6 sessions" in said[1]
    assert said[2].startswith(
        "Sequences `sequences`: the split that the log brings is not used, but 'user'; it is where"
    )
    config.datasets.sequences.split = "given"
    resources = Resources(config, tmp_path)
    assert not any("is not used" in fact for fact in facts.of_datasets(resources))
    (rows,), (before,) = resources.dataset("sequences").data.test, resources.dataset("sequences").data.before
    assert rows.user.tolist() == [0, 1] and rows.item.tolist() == [[4, 5]] * 2 and before.mask.sum(1).tolist() == [4, 4]

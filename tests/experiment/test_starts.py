"""Starting from what another stage learned: of this run or of another, wholly, by roles, or without any training."""

from __future__ import annotations

import shutil

import jax
import numpy as np
import pytest

from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.config import declare
from jaxrec.experiment import preflight, starts
from jaxrec.experiment.resources import Resources
from tests.experiment import tiny


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(config, workdir) of a finished run of a next-item model."""
    folder = tmp_path_factory.mktemp("finished")
    tiny.write_log(folder / "log.csv")
    config = tiny.sequences_config(folder / "log.csv")
    experiment.run(config, folder / "run")
    return config, folder / "run"


def params_of(config, workdir, name="model"):
    return jax.tree.map(np.asarray, Resources(config, workdir).fitted(name).params)


def nan_like(template):
    return jax.tree.map(lambda x: np.full(x.shape, np.nan, x.dtype), template)


def second(config, **changes):
    """The experiment with a second fit stage `again` after the first, which the changes describe."""
    made = config.copy_and_resolve_references()
    made.stages.again = made.stages.model.copy_and_resolve_references()
    made.stages.again.update(changes)
    made.stages.evaluation.policies = ("model", "again")
    made.order = ("model", "again", "evaluation")
    return made


def test_each_seed_starts_at_its_own_of_the_other_stage(finished, tmp_path):
    config = second(finished[0], start_from="model", num_steps=0)
    # One step of a rate of zero keeps what it started from; without any step the parameters are the other stage's.
    config.stages.moved = config.stages.again.copy_and_resolve_references()
    config.stages.moved.num_steps = config.stages.moved.steps_per_call = 1
    config.stages.moved.algorithm.optimizer.learning_rate = 0.0
    config.order = ("model", "again", "moved", "evaluation")
    config.stages.evaluation.policies = ("model", "again", "moved")
    experiment.run(config, tmp_path)
    expected = params_of(config, tmp_path)
    for name in ("again", "moved"):
        jax.tree.map(np.testing.assert_array_equal, params_of(config, tmp_path, name), expected)
    assert not (tmp_path / "again" / "params").exists(), "parameters that are shared are stored once"


def test_a_model_whose_scores_are_no_numbers_is_not_measured(finished, tmp_path, monkeypatch):
    """NaN parameters would rank the items by their index, and a table would show it."""
    shutil.copytree(finished[1], tmp_path / "run", ignore=shutil.ignore_patterns("evaluation"))
    monkeypatch.setattr(starts, "read_params", lambda folder, template, **options: nan_like(template))
    with pytest.raises(JaxrecError, match=r"'model' has no finite ranking/\S+ \(seed 0\).*no result is written"):
        experiment.run(finished[0], tmp_path / "run")
    assert not (tmp_path / "run" / "evaluation" / "results.json").exists()


def test_another_run_lends_its_parameters(finished, tmp_path):
    config = finished[0].copy_and_resolve_references()
    config.stages.model.update(start_from=str(finished[1] / "model"), num_steps=2)
    config.stages.model.algorithm.optimizer.learning_rate = 0.0
    experiment.run(config, tmp_path)
    jax.tree.map(np.testing.assert_array_equal, params_of(config, tmp_path), params_of(*finished))


def test_a_stage_of_another_run_that_shares_parameters_lends_them_as_well(finished, tmp_path):
    sharing = second(finished[0], start_from="model", num_steps=0)
    experiment.run(sharing, tmp_path / "first")
    config = finished[0].copy_and_resolve_references()
    config.stages.model.update(start_from=str(tmp_path / "first" / "again"), num_steps=0)
    experiment.run(config, tmp_path / "second")
    ours, theirs = params_of(config, tmp_path / "second"), params_of(*finished)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_with_other_seeds_all_start_at_the_first(finished, tmp_path, capsys):
    config = finished[0].copy_and_resolve_references()
    config.num_seeds = 3
    config.stages.model.update(start_from=str(finished[1] / "model"), start_roles=("encoder",), num_steps=2)
    config.stages.model.algorithm.optimizer.learning_rate = 0.0
    experiment.run(config, tmp_path)
    taken, theirs = params_of(config, tmp_path)["encoder"], params_of(*finished)["encoder"]
    jax.tree.map(lambda a, b: [np.testing.assert_array_equal(row, b[0]) for row in a], taken, theirs)
    said = capsys.readouterr()
    assert "(its first seed)" in said.out + said.err


def test_a_role_alone_is_taken_and_what_starts_anew_is_said(finished, tmp_path, capsys):
    config = finished[0].copy_and_resolve_references()
    config.stages.model.update(start_from=str(finished[1] / "model"), start_roles=("encoder",), num_steps=2)
    config.stages.model.algorithm.optimizer.learning_rate = 0.0
    experiment.run(config, tmp_path)
    ours, theirs = params_of(config, tmp_path), params_of(*finished)
    jax.tree.map(np.testing.assert_array_equal, ours["encoder"], theirs["encoder"])
    assert (ours["output"]["table"] != theirs["output"]["table"]).any()
    said = capsys.readouterr()
    assert "starts at encoder of" in said.out + said.err and "output starts anew" in said.out + said.err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_from": "nowhere"}, "not the folder of a finished fit stage"),
        ({"start_from": "model", "start_roles": ("decoder",)}, "start_roles names 'decoder'; the roles of"),
        ({"start_from": "model", "num_steps": 0, "num_seeds": 3}, "another number of seeds"),
        ({"start_from": "evaluation"}, "'again' needs 'evaluation', which does not run before it"),
    ],
)
def test_a_start_that_cannot_be_is_refused_before_any_work(finished, tmp_path, changes, message):
    with pytest.raises(JaxrecError, match=message):
        preflight.check(Resources(second(finished[0], **changes), tmp_path))


def test_another_network_is_refused(finished, tmp_path):
    config = second(finished[0], start_from="model")
    config.stages.again.algorithm.width = 8
    with pytest.raises(JaxrecError, match="stage 'again': 'model', whose 'encoder' it takes, is another network"):
        preflight.check(Resources(config, tmp_path))
    elsewhere = finished[0].copy_and_resolve_references()
    elsewhere.stages.model.start_from = str(finished[1] / "model")
    elsewhere.stages.model.algorithm.width = 8
    with pytest.raises(JaxrecError, match="stage 'model': checkpoint of step 4 .* of another catalogue or network"):
        preflight.check(Resources(elsewhere, tmp_path))


def test_the_same_sizes_of_another_catalogue_are_refused(finished, tmp_path):
    """As many items, with other names: each row of the tables would stand for another item."""
    lines = (finished[1].parent / "log.csv").read_text().splitlines()
    events = [line.split(",") for line in lines[1:]]
    renamed = [f"{user},{int(item) + 100},{rating},{time}" for user, item, rating, time in events]
    (tmp_path / "log.csv").write_text("\n".join([lines[0], *renamed]) + "\n")
    config = tiny.sequences_config(tmp_path / "log.csv", start_from=str(finished[1] / "model"))
    with pytest.raises(JaxrecError, match="another catalogue of items"):
        preflight.check(Resources(config, tmp_path))
    config.stages.model.start_roles = ("output",)  # named by hand, so the user answers for it
    preflight.check(Resources(config, tmp_path))


def test_where_a_stage_starts_is_part_of_its_recipe(finished, tmp_path):
    resources = [
        Resources(second(finished[0], **changes), tmp_path)
        for changes in ({}, {"start_from": "model"}, {"start_from": str(finished[1] / "model")})
    ]
    assert len({found.stage_fingerprint("again") for found in resources}) == 3
    assert declare.same_params(finished[0].stages.model, "model").num_steps == 0

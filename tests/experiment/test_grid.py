"""A fit with a grid keeps the setting of the best watched score, and equals a fit of that setting alone."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.config import declare
from jaxrec.experiment import grid, preflight
from jaxrec.experiment.resources import Resources
from jaxrec.training.loop import Stopped
from tests.experiment import tiny

RATES = (1e-6, 0.1)


def config_of(folder, **options):
    tiny.write_log(folder / "log.csv", num_users=30)
    config = tiny.sequences_config(folder / "log.csv", **options)
    config.datasets.validation = config.datasets.sequences.copy_and_resolve_references()
    config.datasets.validation.held_out = "validation"
    config.stages.model.watch = declare.watch("validation", "ranking/NDCG@5", every=2)
    config.stages.model.num_steps = 12
    return config


def record(workdir):
    return json.loads((workdir / "model" / "done.json").read_text())


def params(config, workdir):
    return jax.tree.map(np.asarray, Resources(config, workdir).fitted("model").params)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """(config, workdir) with a grid, and of each of its settings alone."""
    folder = tmp_path_factory.mktemp("grid")
    config = config_of(folder, grid={"optimizer__learning_rate": RATES})
    alone = [config_of(folder, optimizer__learning_rate=rate) for rate in RATES]
    for name, one in zip(("grid", "low", "high"), (config, *alone), strict=True):
        experiment.run(one, folder / name)
    return folder, config, alone


def test_the_best_setting_is_chosen_by_the_watched_score(runs):
    folder, config, alone = runs
    about = record(folder / "grid")
    scores = [np.mean(record(folder / name)["watched"]["best"]) for name in ("low", "high")]
    np.testing.assert_allclose([np.mean(point["best"]) for point in about["grid"]], scores)
    assert scores[1] > scores[0] and about["chosen"] == {"optimizer__learning_rate": RATES[1]}
    jax.tree.map(np.testing.assert_array_equal, params(config, folder / "grid"), params(alone[1], folder / "high"))


def test_the_curves_are_those_of_the_chosen_setting(runs):
    folder, _, _ = runs
    seeds = [
        [(line["stage"], line["step"], line["seeds"]) for line in map(json.loads, path.read_text().splitlines())]
        for path in (folder / "grid" / "metrics.jsonl", folder / "high" / "metrics.jsonl")
    ]
    assert seeds[0] == seeds[1] and seeds[0]
    assert "`model` chose optimizer__learning_rate 0.1 of 2 settings" in (folder / "grid" / "report.md").read_text()


def test_a_stopped_grid_goes_on_where_it_stood(runs, tmp_path):
    folder, config, _ = runs
    asked = iter([False] * 11 + [True] * 100)
    with pytest.raises(Stopped):
        experiment.run(config, tmp_path / "run", stop_requested=lambda: next(asked))
    assert (tmp_path / "run" / "model" / "checkpoints" / "grid_1").is_dir()
    experiment.run(config, tmp_path / "run")
    jax.tree.map(np.testing.assert_array_equal, params(config, tmp_path / "run"), params(config, folder / "grid"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": (4, 8)}, r"grid \['width'\] changes the shapes of parameters"),
        ({"rate": (1, 2)}, "grid.rate: next_item.cross_entropy has no option 'rate'"),
        (
            {"optimizer__learning_rate": (0.1, -1.0)},
            "optimizer.learning_rate is -1.0: set it to a finite number from 0",
        ),
        ({"optimizer__learning_rate": (0.1,)}, "grid.optimizer__learning_rate is .* a list of two or more values"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(tmp_path, options, message):
    with pytest.raises(JaxrecError, match=message):
        preflight.check(Resources(config_of(tmp_path, grid=options), tmp_path / "run"))


def test_a_grid_needs_a_score(tmp_path):
    config = config_of(tmp_path, grid={"optimizer__learning_rate": RATES})
    config.stages.model.watch = {}
    with pytest.raises(JaxrecError, match="a grid chooses by a watched score"):
        preflight.check(Resources(config, tmp_path / "run"))


def test_points_are_every_combination_in_one_order(tmp_path):
    config = config_of(tmp_path, grid={"optimizer__learning_rate": RATES, "encoder_options__dropout": (0.0, 0.5)})
    settings = [tuple(point.options.values()) for point in grid.points(config.stages.model)]
    assert settings == [(0.0, 1e-6), (0.0, 0.1), (0.5, 1e-6), (0.5, 0.1)]
    preflight.check(Resources(config, tmp_path / "run"))

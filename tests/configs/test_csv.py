"""Own data by flags alone: the variants `csv` pass every check made before training once their file is described."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import preflight
from jaxrec.experiment.resources import Resources


def _config(name: str, path: str = "") -> ConfigDict:
    config = importlib.import_module(f"configs.{name}").get_config("csv")
    config.lock()  # as the command line does: a flag sets what is there already
    config.data.options.path = path
    return config


@pytest.fixture
def ratings(tmp_path) -> str:
    rng = np.random.default_rng(0)
    rows = [(u, i, rng.integers(1, 6), 1000 + i) for u in range(30) for i in rng.permutation(40)[:15]]
    lines = ["who,item,rating,timestamp", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "ratings.csv").write_text("\n".join(lines) + "\n")
    return str(tmp_path / "ratings.csv")


@pytest.mark.parametrize("name", ["mdt4rec", "next_item", "modt4r", "modt4r_validation"])
def test_a_missing_path_is_one_line(name, tmp_path):
    with pytest.raises(JaxrecError, match=r"needs the file to read: .*--config\.data\.options\.path=FILE") as raised:
        preflight.check(Resources(_config(name), tmp_path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["mdt4rec", "next_item", "modt4r"])
def test_the_described_file_passes_every_check(name, ratings, tmp_path):
    config = _config(name, ratings)
    config.data.options.user = "who"
    if name == "mdt4rec":
        config.datasets.train.threshold = 6.0
    preflight.check(Resources(config, tmp_path))


def test_what_depends_on_the_ratings_must_be_set(ratings, tmp_path):
    config = _config("mdt4rec", ratings)
    config.data.options.user = "who"
    expected = r"threshold must be set, .* --config\.datasets\.train\.threshold=NUMBER"
    with pytest.raises(JaxrecError, match=expected):
        preflight.check(Resources(config, tmp_path))


def test_both_environments_have_one_set_of_rules():
    config = _config("mdt4rec")
    rules = {"reward_low": 1.0, "reward_high": 5.0, "threshold": 9.0, "window": 3, "max_turn": 12}
    config.datasets.train.update(rules)
    assert {rule: config.datasets.test[rule] for rule in rules} == rules
    assert "threshold" not in config.stages.static_cycle.algorithm
    assert config.data.test_fraction == 0.2

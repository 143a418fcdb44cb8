"""Variants with published settings pass every check made before training, on small files in the official formats."""

from __future__ import annotations

import json

import numpy as np
import pytest

from configs import mdt4rec
from jaxrec.data.datasets import movielens_1m
from jaxrec.experiment import preflight
from jaxrec.experiment.resources import Resources
from tests.conftest import REPOSITORY
from tests.data import writers

USERS, ITEMS = 12, 34  # as many items as 30 turns without repeats need, and the start


def yahoo_r3(root):
    """Songs from 1; users 1 to 5 have test rows."""
    train = [(u, i, 1 + (u * i) % 5) for u in range(1, USERS + 1) for i in range(1, ITEMS + 1) if (u + i) % 3]
    writers.yahoo_r3(root, train, [(u, i, 1 + (u + i) % 5) for u in range(1, 6) for i in range(1, ITEMS + 1)])


def movielens_1m_(root):
    ratings = [(u, i, 1 + (u * i) % 5, 1000 + i) for u in range(1, USERS + 1) for i in range(1, ITEMS + 1)]
    users = [(u, "F", 25, 3, "12345") for u in range(1, USERS + 1)]
    films = [(i, f"Film {i} (1999)", [movielens_1m.CATEGORIES[i % 18]]) for i in range(1, ITEMS + 1)]
    writers.movielens_1m(root, ratings, users, films)


def kuairec(root):
    """Users and videos of the small matrix, 5 x 32, are never together in the big one."""
    rng = np.random.default_rng(0)
    big = [(u, i, float(rng.random() * 9), 1e9) for u in range(USERS) for i in range(ITEMS) if u >= 5 or i >= 32]
    small = [(u, i, float(rng.random() * 9), 1e9) for u in range(5) for i in range(32)]
    writers.kuairec(root, big, small, [(i, [i % 7, 8 + i % 3]) for i in range(ITEMS)])


def kuairand(root):
    """A tenth of the videos have no tags."""
    rows = [(u, i, (u * i) % 2, 1650485801301) for u in range(USERS) for i in range(ITEMS)]
    tags = [(i, [] if i % 10 == 0 else [i % 7]) for i in range(ITEMS)]
    writers.kuairand(root, rows[::2], rows[:3], rows[1::2], tags)


WRITERS = {"yahoo_r3": yahoo_r3, "movielens_1m": movielens_1m_, "kuairec": kuairec, "kuairand": kuairand}
# users, items, lowest and highest reward of the test environment; training rewards start at 0
EXPECTED = {
    "yahoo_r3": (5, ITEMS, 1, 5),
    "movielens_1m": (USERS, ITEMS, 0, 5),
    "kuairec": (5, 32, 0, 5),
    "kuairand": (USERS, ITEMS, 0, 1),
}


@pytest.mark.parametrize("name", WRITERS)
def test_published_settings_pass_every_check(name, tmp_path):
    WRITERS[name](tmp_path)
    config = mdt4rec.get_config(name)
    config.lock()
    config.data.root, config.data.options.check = str(tmp_path), False
    resources = Resources(config, tmp_path / "run")
    preflight.check(resources)
    users, items, low, high = EXPECTED[name]
    train, test = resources.spec("train"), resources.spec("test")
    assert (test.num_users, test.num_items) == (train.num_users, train.num_items) == (users, items)
    assert test.reward_range == (low, high) and train.reward_range == (0, high - low)
    rows = json.loads((REPOSITORY / "published" / "easyrl4rec_exit_rules.json").read_text())["rows"]
    _, _, rule, window, threshold = rows[name]["exit_rule"]
    for options in (config.datasets.train, config.datasets.test):
        assert (options.exit_rule, options.window, options.threshold) == (rule, window, threshold)
    assert config.datasets.train.exit_distance_source == ("test" if rule == "distance" else "own")
    assert config.stages.evaluation.evaluator.forbid_start and config.stages.a2c.algorithm.time_limit == "terminal"
    assert config.stages.a2c_sampled.algorithm.selection == "sample" and not config.stages.a2c_sampled.num_steps


def test_virtual_taobao_as_in_cirs():
    config = mdt4rec.get_config("virtual_taobao_cirs")
    for name in ("train", "test"):
        rule = config.datasets[name]
        assert (rule.leave, rule.leave_threshold, rule.leave_window, rule.max_turn) == ("cirs", 3.0, 5, 50)

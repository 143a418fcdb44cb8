"""What the README shows runs as it stands, and what it points at is there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxrec.data import datasets
from jaxrec.experiment import problem
from jaxrec.experiment.context import check_stages

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text()


def _block(marker: str) -> str:
    return re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)```\n<!-- /{marker} -->", README, re.S)[1]


def _write_ratings(path, *, users=30, items=20):
    """Most cells of a table of rank one, so that the user model has something to find."""
    rng = np.random.default_rng(0)
    taste, quality = rng.uniform(0.5, 1.0, users), rng.uniform(1.0, 5.0, items)
    lines = ["user,item,rating,timestamp"]
    for u in range(users):
        for i in rng.permutation(items)[:15]:
            lines.append(f"{u},{i},{np.clip(round(taste[u] * quality[i] + 0.5), 1, 5)},{1000 + i}")
    path.write_text("\n".join(lines) + "\n")


def test_own_ratings_become_a_simulator(tmp_path, monkeypatch):
    _write_ratings(tmp_path / "ratings.csv")
    monkeypatch.chdir(tmp_path)
    code, made = _block("own-data"), {}
    assert len([line for line in code.splitlines() if line and not re.match("import|from", line)]) <= 10
    exec(compile(code, "README.md", "exec"), made)
    assert made["env"].num_actions == 20
    assert 1.0 <= float(made["reward"]) <= 5.0
    assert int(made["observation"].item) == 7 and int(made["observation"].turn) == 1
    assert float(made["observation"].feedback) == float(made["reward"])
    assert not bool(made["terminated"]) and jax.tree.leaves(made["params"])


def test_own_ratings_become_an_experiment(tmp_path, monkeypatch):
    _write_ratings(tmp_path / "ratings.csv")
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(compile(_block("own-config"), "README.md", "exec"), made)
    config = made["get_config"]()
    check_stages(config)
    interactions = problem.load_interactions(config)
    assert (interactions.num_users, interactions.num_items, len(interactions)) == (30, 20, 450)
    assert len(problem.rows(interactions, "test")) == 90


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))))
def test_links_lead_somewhere(target):
    assert (REPOSITORY / target).exists()


@pytest.mark.parametrize("file", sorted({*re.findall(r"`((?:algorithms|environments|data)/[\w/.]+)`", README)}))
def test_files_of_the_map_exist(file):
    assert (REPOSITORY / "jaxrec" / file).exists()


@pytest.mark.parametrize("command", sorted(set(re.findall(r"configs/(\w+\.py(?::\w+)?)", README))))
def test_configs_exist(command):
    name, _, variant = command.partition(":")
    module = importlib.import_module(f"configs.{name.removesuffix('.py')}")
    assert module.get_config(*([variant] if variant else [])).order


def test_datasets_are_those_that_exist():
    sentence = re.search(r"Datasets that `--config.data.name` knows: (.*?)\. Each", README, re.S)[1]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(datasets.names())

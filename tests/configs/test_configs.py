"""Every config file and every variant it names: it loads, locks, survives JSON, and its stages are in order."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from jaxrec.config import config_files
from jaxrec.experiment import graph, inference
from tests.conftest import REPOSITORY


def _variants():
    for file in config_files.find(REPOSITORY / "configs"):
        yield from ((file.path, variant) for variant in (None, *list(file.variants)[1:]))


@pytest.mark.parametrize(("path", "variant"), list(_variants()), ids=lambda v: getattr(v, "stem", str(v)))
def test_variant_is_an_experiment(path: Path, variant: str | None):
    described = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    config = module.get_config(variant)
    config.lock()
    json.dumps(config.to_dict())
    graph.check(config)
    inference.check(config, config.order[-1])
    assert len(set(config.order)) == len(config.order) and set(config.order) == set(config.stages)
    assert config.stages[config.order[-1]].kind == "evaluate"


@pytest.mark.parametrize("variant", [None, "coat_leak", "movielens_100k", "virtual_taobao"])
def test_every_online_row_has_as_many_turns_as_a2c(variant):
    from configs import tables

    config = tables.get_config(variant)
    rows = [name for name in tables.ONLINE if name in config.order]
    budgets = {name: tables.turns(config.stages[name]) for name in (*rows, "a2c")}
    assert len(rows) >= 4 and len(set(budgets.values())) == 1, budgets


def test_each_language_model_found_is_a_row_of_table_2(monkeypatch, tmp_path):
    from configs import tables

    (tmp_path / "Model-1.5").mkdir()
    (tmp_path / "Model-1.5" / "config.json").write_text("{}")
    (tmp_path / "no_model").mkdir()
    monkeypatch.setenv("JAXREC_BACKBONES", str(tmp_path))
    config = tables.get_config("coat")
    graph.check(config)
    assert config.tables.table_2.rows == ("mdt4rec", "on_Model-1_5")
    row = config.stages["on_Model-1_5"]
    text, shared = config.datasets[row.beside.text], config.datasets.text
    assert row.algorithm.backbone == text.tokenizer == str(tmp_path / "Model-1.5")
    assert text.train == shared.train and shared.tokenizer == "bpe"

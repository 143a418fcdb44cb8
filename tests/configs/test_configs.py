"""Every config file and every variant it names: it loads, locks, survives JSON, and its stages are in order."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from jaxrec.config import files
from jaxrec.experiment import inference
from jaxrec.experiment.context import Context, check_stages
from tests.conftest import REPOSITORY


def _variants():
    for file in files.find(REPOSITORY / "configs"):
        yield from ((file.path, variant) for variant in (None, *list(file.variants)[1:]))


@pytest.mark.parametrize(("path", "variant"), list(_variants()), ids=lambda v: getattr(v, "stem", str(v)))
def test_variant_is_an_experiment(path: Path, variant: str | None, tmp_path):
    described = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    config = module.get_config(variant)
    config.lock()
    json.dumps(config.to_dict())
    check_stages(config)
    inference.check(config, config.order[-1])
    context = Context(config, tmp_path)
    prints = [context.fingerprint(name) for name in config.order]
    assert len(set(prints)) == len(config.order) and set(config.order) == set(config.stages)
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
    check_stages(config)
    assert config.tables.table_2.rows == ("mdt4rec", "on_Model-1_5")
    row = config.stages["on_Model-1_5"]
    assert row.algorithm.backbone == config.texts[row.text].tokenizer == str(tmp_path / "Model-1.5")
    assert config.texts[row.text].train == config.texts.text.train and config.texts.text.tokenizer == "bpe"

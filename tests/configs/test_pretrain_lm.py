"""The language-model job end to end: stages, a better perplexity than untrained, an export, nothing run twice."""

from __future__ import annotations

import json

import pytest

from configs import pretrain_lm
from jaxrec import experiment
from jaxrec.base.errors import JaxrecError
from jaxrec.models.language import decoder_config, tokenizer


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("lm")
    return workdir, experiment.run(pretrain_lm.get_config("smoke"), workdir)


def test_the_table_shows_what_training_gained(finished):
    workdir, table = finished
    assert "perplexity" in table and "untrained" in table
    results = json.loads((workdir / "evaluation" / "results.json").read_text())
    before, after = (results[name]["validation/perplexity"][0] for name in ("untrained", "gpt2"))
    assert 250 < before < 350, "a vocabulary of 300 and nothing learned"
    assert after < 0.8 * before


def test_the_export_is_a_hugging_face_folder(finished):
    workdir, _ = finished
    folder = workdir / "gpt2" / "export"
    assert decoder_config.read(folder).width == 16
    assert tokenizer.load(folder).vocabulary == decoder_config.read(folder).vocab_size


def test_the_same_command_again_prints_the_table_at_once(finished):
    workdir, table = finished
    marks = [workdir / stage / "done.json" for stage in ("untrained", "gpt2", "evaluation")]
    before = [mark.stat().st_mtime_ns for mark in marks]
    assert experiment.run(pretrain_lm.get_config("smoke"), workdir) == table
    assert [mark.stat().st_mtime_ns for mark in marks] == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": ("no.txt",), "validation": ("no.txt",)}, "no.txt cannot be read"),
        ({"train": ("no.txt",)}, "names both train and validation files, or none"),
        ({"tokenizer": "nowhere"}, "nowhere holds neither tokenizer.json"),
    ],
)
def test_mistakes_are_seen_before_anything_is_trained(tmp_path, change, message):
    config = pretrain_lm.get_config("smoke")
    config.datasets.text.update(change)
    with pytest.raises(JaxrecError, match=message):
        experiment.run(config, tmp_path)
    assert not (tmp_path / "untrained").exists()


def test_only_language_models_are_measured_on_a_text(tmp_path):
    config = pretrain_lm.get_config("smoke")
    config.stages.gpt2.algorithm.name = "static.random"
    with pytest.raises(JaxrecError, match="'gpt2'"):
        experiment.run(config, tmp_path)

"""The index of equations: what docstrings cite is parsed, is there, and has every entry that it must have."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.conftest import REPOSITORY
from tests.docs.generators import citations, pages

INDEX = {citation.label: places for citation, places in citations.index().items()}
# What a reader of the papers must find, and a part of the name of what implements it.
MUST_HAVE = {
    "M Eq. 1": "losses.expectile",
    "M Eq. 2": "losses.expectile.expectile_loss",
    "M Eq. 3": "losses.returns_bins.expert_logits",
    "M Theorem 3.1": "losses.expectile.expectile_loss",
    "M Algorithm 1": "decision_transformer.history_search",
    "M table 1": "published/mdt4rec_table_1.json",
    "M table 2": "configs.tables",
    "M table 3": "configs.tables",
    "M table 4": "configs.tables",
    "M figure 2": "configs.tables",
    "M 3.3": "models.lora",
    "M 3.4": "decision_transformer.mdt4rec",
    "M 4.1": "environments.exit_rules.Category",
    "T 4.1": "objective_returns",
    "T 4.2": "models.encoders",
    "T 4.3": "objective_returns",
    "T 4.4": "objective_returns",
    "T 4.5": "objective_returns",
    "T 4.6": "objective_returns",
    "T 4.7": "next_item",
    "T 4.14": "losses.sequence.cross_entropy",
    "T 4.15": "next_item",
    "T 4.17": "next_item.modt4r",
    "T 4.18": "objective_returns",
    "T 4.19": "next_item.modt4r",
    "T 4.20": "evaluation.ranking_metrics",
    "T 4.21": "next_item.modt4r",
    "T 5.2": "next_item",
    "T 5.3": "next_item",
    "T 5.4": "next_item",
    "T 5.5": "encoders.interactions",
    "T 5.6": "models.encoders",
    "T 5.7": "next_item",
    "T 5.8": "next_item.unexpected",
    "T 5.14": "next_item",
    "T 5.16": "losses.catalogue.cross_entropy",
    "T 5.17": "next_item",
    "T 5.20": "losses.catalogue.cross_entropy",
    "T 5.21": "next_item.hdt",
    "T Algorithm 1": "next_item.modt4r",
    "T Algorithm 2": "objective_returns",
    "T Algorithm 3": "next_item.hdt",
    "T Algorithm 4": "next_item",
    "T table 4.2": "published/thesis_table_4_2.json",
    "T table 4.3": "configs.modt4r",
    "T table 4.4": "configs.modt4r",
    "T table 5.3": "configs.hdt",
    "T table 5.5": "configs.hdt",
    "T figure 4.4": "configs.modt4r",
    "T figure 4.6": "configs.modt4r",
    "T figure 4.7": "configs.modt4r",
    "T figure 5.3": "configs.hdt",
    "L Eq. 8": "losses",
    "L Eq. 10": "losses.sampled_actions.td_error",
    "L Eq. 11": "losses.sampled_actions.sampled_td_error",
    "L Eq. 12": "losses.sampled_actions.advantage",
}


@pytest.mark.parametrize("label", MUST_HAVE)
def test_what_a_reader_looks_for_is_in_the_index(label):
    assert label in INDEX, f"no docstring cites {label}"
    assert any(MUST_HAVE[label] in place.name for place in INDEX[label]), INDEX[label]


@pytest.mark.parametrize("file", sorted({place.file for places in INDEX.values() for place in places}))
def test_every_place_is_there(file):
    """What is named can be imported, or is a file."""
    names = {place.name for places in INDEX.values() for place in places if place.file == file}
    if not file.endswith(".py"):
        assert names == {file} and (REPOSITORY / file).exists()
        return
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    imported = importlib.import_module(module)
    for name in names - {module}:
        found = imported
        for part in name.removeprefix(f"{module}.").split("."):
            found = getattr(found, part)


def test_the_committed_index_has_these_citations():
    """Sentences may go stale until the next build; who is cited where may not."""

    def rows(text: str) -> set[tuple[str, str]]:
        found, label = set(), ""
        for cited, link in re.findall(r"^\| ([^|]*) \| (\[`[^`]+`\]\([^)]*\)) \|", text, re.M):
            label = cited.strip() or label
            found.add((label, link))
        return found

    committed = rows((REPOSITORY / "docs" / "equations.md").read_text())
    assert len(committed) > 150 and committed == rows(pages.equations()), "run: python docs/pages.py"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("the expert's (M 3.2, Eq. 3)", {"M 3.2", "M Eq. 3"}),
        ("(M 3.1, Eqs. 1 and 2)", {"M 3.1", "M Eq. 1", "M Eq. 2"}),
        ("Algorithm 1 of paper M: how much", {"M Algorithm 1"}),
        ("SQN; T, Algorithm 4)", {"T Algorithm 4"}),
        ("tokens (T 5.9 to 5.11)", {"T 5.9", "T 5.10", "T 5.11"}),
        ("T tables 4.3 and 4.4", {"T table 4.3", "T table 4.4"}),
        ("T figures 4.6 and 5.3a", {"T figure 4.6", "T figure 5.3a"}),
        ("(T 4.5.1, 4.18)", {"T 4.5.1", "T 4.18"}),
        ("(T section 4.4)", {"T section 4.4"}),
        ("(L Eqs. 10 and 11; L 3.3)", {"L Eq. 10", "L Eq. 11", "L 3.3"}),
        ("context T 20, delta 2; SAC's Eq. 3; [B, T, 4]", set()),
    ],
)
def test_citations_are_read_as_they_are_written(text, labels):
    assert {citation.label for citation in citations.citations(text)} == labels


def test_a_link_to_a_file_becomes_a_link_into_the_reference():
    module = pages.references("[`training.loop`](../jaxrec/training/loop.py)")
    assert module == "{py:obj}`training.loop <jaxrec.training.loop>`"
    function = pages.references("[`make_block`](../jaxrec/training/loop.py)")
    assert function == "{py:obj}`make_block <jaxrec.training.loop.make_block>`"
    assert pages.references("[`loop.fit`](../jaxrec/training/loop.py)").endswith("<jaxrec.training.loop.fit>`")
    assert pages.references("[`batches`](../jaxrec/batches)") == "[`batches`](api/jaxrec.batches.rst)"
    assert pages.references("[results](../results/README.md)") == "results (`results/README.md`)"

"""The options of one's own file can all be set by flags, and are those that the loader takes."""

from __future__ import annotations

import inspect
import typing

import pytest
from ml_collections import ConfigDict

from jaxrec.config import own_file
from jaxrec.data.datasets import csv

PARAMETERS = {
    name: parameter
    for name, parameter in inspect.signature(csv.load).parameters.items()
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY
}


def test_the_options_and_their_defaults_are_the_loader_s():
    options = own_file.options()
    assert set(options) == set(PARAMETERS)
    for name, parameter in PARAMETERS.items():
        assert (options[name] or None) == parameter.default


def test_every_option_takes_a_value_of_the_loader_s_type():
    hints = typing.get_type_hints(csv.load)
    for name in PARAMETERS:
        value = (1.0, 5.0) if tuple in (typing.get_origin(kind) for kind in typing.get_args(hints[name])) else "x"
        options = own_file.options()
        options[name] = value
        assert options[name] == value


def test_changes_are_of_options_that_exist():
    assert own_file.options(duplicates="keep").duplicates == "keep"
    with pytest.raises((KeyError, AttributeError)):
        own_file.options(duplicate="keep")


def test_the_loader_takes_them_as_they_are(tmp_path):
    (tmp_path / "mine.tsv").write_text("who\titem\n1\t2\n1\t2\n3\t4\n")
    options = own_file.options(path="mine.tsv", user="who", rating="", duplicates="keep")
    log = csv.load(tmp_path, **ConfigDict({"options": options}).options)
    assert len(log) == 3 and log.num_users == log.num_items == 2 and set(log.feedback) == {1.0}

"""What every file of jaxrec/data/datasets must have."""

from __future__ import annotations

import inspect
import re

import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data import datasets

OFFICIAL = [n for n in datasets.names() if datasets.module(n).RELEASE]


def test_the_folder_is_the_registry():
    expected = {"coat", "csv", "embedded", "kuairand", "kuairec", "movielens_100k", "movielens_1m", "yahoo_r3"}
    assert expected <= set(datasets.names())


@pytest.mark.parametrize("name", datasets.names())
def test_load_takes_a_root_and_named_options(name):
    root, *options = inspect.signature(datasets.module(name).load).parameters.values()
    assert root.name == "root" and root.kind == root.POSITIONAL_OR_KEYWORD
    assert all(o.kind in (o.KEYWORD_ONLY, o.VAR_KEYWORD) for o in options)


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_release_states_its_address_files_counts_and_terms(name):
    module = datasets.module(name)
    release = module.RELEASE
    assert release.name == name and release.url.startswith("https://")
    assert "/" not in release.folder and release.files
    assert all(size is None or size > 0 for size in release.files.values())
    assert {"users", "items", "train", "test"} <= set(release.counts)
    assert re.search(r"^Licence: \w", module.__doc__, re.MULTILINE)
    assert release.checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", release.checksum)


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_missing_file_is_named_with_its_address_and_the_command(name, tmp_path):
    release = datasets.module(name).RELEASE
    with pytest.raises(JaxrecError) as caught:
        datasets.load(name, tmp_path)
    message = str(caught.value)
    assert str(tmp_path / release.folder / next(iter(release.files))) in message
    assert release.url in message
    assert f"python -m jaxrec.data.download {name} --root {tmp_path}" in message
    assert "\n" not in message
    with pytest.raises(JaxrecError, match=f"{name} is read from files; say where"):
        datasets.load(name)


def test_an_unknown_dataset_or_option_gets_the_nearest_name():
    with pytest.raises(
        JaxrecError, match="there is no dataset 'movielens100k', did you mean 'movielens_100k'.*coat, csv"
    ):
        datasets.load("movielens100k")
    with pytest.raises(JaxrecError, match="there is no dataset '../coat'"):
        datasets.load("../coat")
    with pytest.raises(JaxrecError, match="dataset coat has no option 'chek', did you mean 'check'"):
        datasets.load("coat", "data", chek=False)

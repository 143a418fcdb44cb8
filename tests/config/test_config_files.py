"""What is read from a config file's text is what the config does when it is run."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from jaxrec.config import config_files
from tests.conftest import REPOSITORY

CONFIGS = config_files.find(REPOSITORY / "configs")


def test_every_config_is_found():
    assert [file.path for file in CONFIGS] == sorted((REPOSITORY / "configs").glob("*.py"))


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.path.stem)
def test_the_variants_read_are_those_the_config_takes(file):
    config = importlib.import_module(f"configs.{file.path.stem}")
    with pytest.raises(ValueError, match="no variant 'nothing'; choose one of") as raised:
        config.get_config("nothing")
    assert sorted(file.variants) == re.findall(r"'(\w+)'", str(raised.value).split("choose one of")[1])


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.path.stem)
def test_the_docstring_names_the_variants_read(file):
    named = re.search(r"^Variants: ([\w,\s]+)\.", file.path.read_text(), re.M)[1].replace("\n", " ").split(", ")
    assert set(named) == set(file.variants) - {"embedded"}


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.path.stem)
def test_every_config_and_variant_is_described(file):
    assert file.summary.endswith((".", "?", ").")) and "\n" not in file.summary
    assert file.variants and all(file.variants.values()), file.variants


def test_a_config_of_one_s_own_is_read_too(tmp_path):
    own, base = tmp_path / "own.py", tmp_path / "base.py"
    base.write_text('def get_config(arg=None):\n    variant(arg, big, base.small)\ndef big(c):\n    """Big."""\n')
    own.write_text('"""Mine,\nof two lines.\n\nMore."""\ndef get_config(arg=None):\n    return base.get_config(arg)\n')
    found = config_files.read(own)
    assert found.path == own and found.variants == {"big": "Big.", "small": ""}
    assert found.docstring == "Mine,\nof two lines.\n\nMore." and found.summary == "Mine, of two lines."


def test_what_is_no_config_is_none(tmp_path):
    (tmp_path / "broken.py").write_text("def get_config(:\n")
    (tmp_path / "other.py").write_text("x = 1\n")
    (tmp_path / "plain.py").write_text("def get_config():\n    return 1\n")
    assert config_files.find(tmp_path) == [config_files.ConfigFile(tmp_path / "plain.py", "", {})]
    assert config_files.read(tmp_path / "missing.py") is None


def test_a_wrong_path_is_answered(tmp_path):
    (tmp_path / "mdt4rec.py").write_text("def get_config():\n    return 1\n")
    assert config_files.nearest(Path("mdt4re"), tmp_path) == f"did you mean {tmp_path}/mdt4rec.py?"
    assert config_files.nearest(Path("zzz.py"), tmp_path) == f"there are {tmp_path}/mdt4rec.py"
    assert "run from the root of a jaxrec checkout" in config_files.nearest(Path("zzz.py"), tmp_path / "nowhere")

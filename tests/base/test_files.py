"""Files come into being whole, and damaged ones are one clear line."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Sequences


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_error_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "report.md"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.replacing(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and names(tmp_path) == ["report.md"]
    files.write_text(path, "new")
    assert path.read_text() == "new" and names(tmp_path) == ["report.md"]


def test_arrays_and_records_have_words_in_json(tmp_path):
    record = Sequences(np.arange(2), np.zeros(1, np.float32), np.ones(1, bool), None)
    files.write_json(tmp_path / "x.json", {"path": tmp_path, "scalar": np.float32(0.5), "record": record})
    found = json.loads((tmp_path / "x.json").read_text())
    assert found["scalar"] == 0.5 and found["path"] == str(tmp_path)
    assert found["record"] == {"item": [0, 1], "feedback": [0.0], "mask": [True], "user": None, "left": None}


def test_a_pytree_comes_back_as_it_was(tmp_path):
    tree = {"a": (np.arange(3, dtype=np.int32), np.zeros((2, 0), np.float32)), "b": Sequences(*np.eye(4))}
    files.save_arrays(tmp_path / "x.npz", tree)
    found = files.load_arrays(tmp_path / "x.npz", tree, "make it again")
    jax.tree.map(np.testing.assert_array_equal, found, tree)
    assert jax.tree.map(lambda x: x.dtype, found) == jax.tree.map(lambda x: x.dtype, tree)
    with pytest.raises(JaxrecError, match=r"x.npz has no array \['c'\]; make it again"):
        files.load_arrays(tmp_path / "x.npz", {"c": 0}, "make it again")


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off", b"no archive"])
def test_a_damaged_file_is_one_line_with_what_to_do(tmp_path, content):
    if content is not None:
        (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(JaxrecError, match=r"x.npz is not a readable .npz file \(.*\); download it again"):
        files.read_npz(tmp_path / "x.npz", "download it again")


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{}], object))
    with pytest.raises(JaxrecError, match="not a readable"):
        files.read_npz(tmp_path / "x.npz", "download it again")


def test_a_digest_follows_content_and_not_order():
    assert files.digest({"a": 1, "b": (2, 3)}) == files.digest({"b": [2, 3], "a": 1})
    assert files.digest({"a": 1}) != files.digest({"a": 2})

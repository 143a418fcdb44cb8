"""A file or folder that is not as it was written is named; one that is, is read."""

from __future__ import annotations

import json

import numpy as np
import pytest

from jaxrec.base import checksums, files
from jaxrec.base.errors import JaxrecError

VALUE = {"seconds": 1.5, "nested": {"a": [1, 2], "text": "é\n"}, "nothing": None}


def test_a_dict_comes_back_and_stays_plain_json(tmp_path):
    path = tmp_path / "x.json"
    checksums.write(path, VALUE)
    assert checksums.read(path, "") == VALUE
    plain = json.loads(path.read_text())
    assert len(plain.pop("checksum")) == 64 and plain == VALUE
    assert [file.name for file in tmp_path.iterdir()] == ["x.json"]


def test_every_changed_bit_and_every_cut_is_noticed(tmp_path):
    path = tmp_path / "x.json"
    checksums.write(path, VALUE)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]):
            path.write_bytes(content)
            with pytest.raises(JaxrecError, match=r"x\.json (is damaged|has no checksum.*); do this") as error:
                checksums.read(path, "do this")
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"[]", b"3", b"null", b'{"checksum": 3}', b'{"checksum": ""}', b"\xff\xfe", b"[" * 9999]
)
def test_other_json_is_damaged(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(JaxrecError, match="x.json is damaged; do this"):
        checksums.read(tmp_path / "x.json", "do this")


def _folder(tmp_path):
    """A finished stage with a file and, under a manifest, two more."""
    stage = tmp_path / "stage"
    (stage / "params" / "arrays").mkdir(parents=True)
    (stage / "params" / "arrays" / "a").write_bytes(b"123")
    (stage / "params" / "b").write_bytes(b"")
    (stage / "results.json").write_text("{}")
    inner = checksums.of_folder(stage / "params")
    assert sorted(inner) == ["arrays/a", "b"]
    checksums.write(stage / "params" / checksums.MANIFEST, {"files": inner})
    found = checksums.of_folder(stage, without=(checksums.DONE,))
    assert sorted(found) == ["params/manifest.json", "results.json"], "the manifest stands for what it lists"
    checksums.write(stage / checksums.DONE, {"seconds": 2.0, "files": found})
    return stage


def test_every_file_of_a_finished_stage_counts(tmp_path):
    stage = _folder(tmp_path)
    assert checksums.finished(stage, "")["seconds"] == 2.0
    (stage / "notes.txt").write_text("of the user's")
    checksums.finished(stage, "")
    for path in [p for p in stage.rglob("*") if p.is_file() and p.name != "notes.txt"]:
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        with pytest.raises(JaxrecError, match=f"{path} is damaged; do this"):
            checksums.finished(stage, "do this")
        path.unlink()
        with pytest.raises(JaxrecError, match=f"{path} is missing; do this"):
            checksums.finished(stage, "do this")
        path.mkdir()
        with pytest.raises(JaxrecError, match=f"{path} is not a file; do this"):
            checksums.finished(stage, "do this")
        path.rmdir()
        path.write_bytes(content)
    checksums.finished(stage, "")


def test_files_are_read_once(tmp_path, monkeypatch):
    stage, read = _folder(tmp_path), []
    checksum = files.checksum
    monkeypatch.setattr(files, "checksum", lambda path: (read.append(path), checksum(path))[1])
    checksums.finished(stage, "")
    assert len(read) == len(set(read)) == 4


def test_a_folder_where_a_file_is_written_is_named(tmp_path):
    for name in ("x.json", "x.json.part"):
        (tmp_path / name).mkdir()
        with pytest.raises(JaxrecError, match=f"{name} is a folder where a file must be written; delete it"):
            files.write_text(tmp_path / "x.json", "{}")
        (tmp_path / name).rmdir()


def test_arrays_of_any_type_round_trip(tmp_path):
    arrays = {"half": np.float16([1.5]), "none": np.zeros((0, 3)), "scalar": np.int8(3), "text": np.array(["ü", ""])}
    arrays["fortran"] = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    files.save_npz(tmp_path / "x.npz", arrays)
    found = files.read_npz(tmp_path / "x.npz", "")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.asarray(array).dtype

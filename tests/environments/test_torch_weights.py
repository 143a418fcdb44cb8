"""Old-format torch files: read without executing anything, and refused in one line where they are something else."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.environments import torch_weights


class Global:
    """Pickles as a reference to module.name, called with `arguments` where there are some."""

    def __init__(self, module, name, arguments=None):
        self.module, self.name, self.arguments = module, name, arguments


class Storage:
    def __init__(self, key, values, kind="FloatStorage"):
        self.key, self.values, self.kind = key, np.asarray(values), kind


class Writer(pickle._Pickler):
    """torch's side of the format, by hand: storages become persistent ids, names go out as they are."""

    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", Global("torch", value.kind), value.key, "cpu", len(value.values), None)
        return None

    def save(self, value, *arguments, **options):
        if not isinstance(value, Global):
            return super().save(value, *arguments, **options)
        self.write(f"c{value.module}\n{value.name}\n".encode())
        if value.arguments is not None:
            self.save(value.arguments)
            self.write(pickle.REDUCE)


def tensor(storage, offset, shape, strides):
    arguments = (storage, offset, shape, strides, False, OrderedDict())
    return Global("torch._utils", "_rebuild_tensor_v2", arguments)


def written(path, named, storages, *, magic=torch_weights.MAGIC_NUMBER, little_endian=True):
    file = io.BytesIO()
    for value in (magic, 1001, {"little_endian": little_endian}, named, [s.key for s in storages]):
        Writer(file, 2).dump(value)
    for storage in storages:
        file.write(struct.pack("<q", len(storage.values)) + storage.values.tobytes())
    path.write_bytes(file.getvalue())
    return path


@pytest.fixture
def storage():
    return Storage("17", np.arange(12, dtype=np.float32))


def test_tensors_are_views_of_their_storage(tmp_path, storage):
    other = Storage("4", np.array([1.5, -2.5]), "DoubleStorage")
    named = {
        "rows": tensor(storage, 0, (3, 4), (4, 1)),
        "columns": tensor(storage, 1, (4, 2), (1, 4)),
        "scalar": tensor(storage, 11, (), ()),
        "other": tensor(other, 0, (2,), (1,)),
    }
    found = torch_weights.read(written(tmp_path / "w.pt", named, [storage, other]))
    values = storage.values
    assert np.array_equal(found["rows"], values.reshape(3, 4))
    assert np.array_equal(found["columns"], values.reshape(3, 4)[:2].T + 1)
    assert found["scalar"] == 11 and np.array_equal(found["other"], [1.5, -2.5])


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("builtins", "eval"), ("torch", "load"), ("collections", "Counter")]
)
def test_nothing_else_is_ever_called(tmp_path, monkeypatch, module, name):
    called = []
    monkeypatch.setattr(os, "system", called.append)
    path = written(tmp_path / "w.pt", {"w": Global(module, name, ("called",))}, [])
    with pytest.raises(JaxrecError, match=f"asks for {module}.{name}"):
        torch_weights.read(path)
    file = io.BytesIO()  # the first pickle of the file is as little trusted
    Writer(file, 2).dump(Global(module, name, ("called",)))
    path.write_bytes(file.getvalue())
    with pytest.raises(JaxrecError, match=f"asks for {module}.{name}"):
        torch_weights.read(path)
    assert not called


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(1, (12,), (1,)), (0, (3, 4), (5, 1)), (-1, (2,), (1,)), (0, (2,), (-1,)), (0, (2**62,), (1,)), (0, (2, 2), (1,))],
)
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, storage, offset, shape, strides):
    path = written(tmp_path / "w.pt", {"w": tensor(storage, offset, shape, strides)}, [storage])
    with pytest.raises(JaxrecError, match="tensor"):
        torch_weights.read(path)


def _peak(work):
    """MiB that `work` takes at most, as Python and NumPy allocate them."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_a_small_file_takes_little_memory_whatever_it_claims(tmp_path):
    one = Storage("1", np.zeros(1, np.float32))
    path = written(tmp_path / "w.pt", {"w": tensor(one, 0, (10**9,), (0,))}, [one])
    assert path.stat().st_size < 300

    def refused(message):
        with pytest.raises(JaxrecError, match=message):
            torch_weights.read(path)

    assert _peak(lambda: refused("more numbers than its storage")) < 1
    content = path.read_bytes()
    memo = b"\x80\x02Nr\xff\xff\xff\x3f."  # LONG_BINPUT: an entry far out in the unpickler's table
    text = b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"text."  # BINUNICODE8 and, below, BYTEARRAY8
    for bomb in (memo, text, b"\x80\x05\x96" + text[3:], b"((" * 100_000 + b"."):
        path.write_bytes(bomb + content)
        assert _peak(lambda: refused("damaged")) < 30
    nested = "x"
    for _ in range(40):  # as text, 2^40 signs
        nested = (nested, nested)
    with pytest.raises(JaxrecError, match="not described as torch does"):
        torch_weights.read(_described_by(path, nested))


def _described_by(path, key):
    """A file whose storage is called `key`."""
    file = io.BytesIO()
    storage = Storage(key, np.zeros(1, np.float32))
    for value in (torch_weights.MAGIC_NUMBER, 1001, {}, {"w": tensor(storage, 0, (1,), (1,))}):
        Writer(file, 2).dump(value)
    path.write_bytes(file.getvalue())
    return path


def test_every_truncation_is_one_clear_line(tmp_path, storage):
    path = written(tmp_path / "w.pt", {"w": tensor(storage, 0, (12,), (1,))}, [storage])
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(JaxrecError, match="damaged") as error:
            torch_weights.read(path)
        assert "\n" not in str(error.value)


def test_every_damaged_byte_is_read_or_refused(tmp_path, storage):
    path = written(tmp_path / "w.pt", {"w": tensor(storage, 0, (12,), (1,))}, [storage])
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for place in range(len(content) - 48):
        path.write_bytes(content[:place] + bytes([rng.integers(256)]) + content[place + 1 :])
        try:
            torch_weights.read(path)
        except JaxrecError:
            continue


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path, s: path.write_bytes(b"PK\x03\x04 and so on"), "zipped"),
        (lambda path, s: written(path, {"w": 3}, []), "something else than named tensors"),
        (lambda path, s: written(path, [1, 2], []), "something else than named tensors"),
        (lambda path, s: written(path, {"w": tensor(s, 0, (1,), (1,))}, [s], magic=3), "magic number"),
        (lambda path, s: written(path, {"w": tensor(s, 0, (1,), (1,))}, [s], little_endian=False), "big-endian"),
        (lambda path, s: written(path, {"w": tensor(s, 0, (1,), (1,))}, []), "damaged"),
        (lambda path, s: None, "cannot be read"),
    ],
)
def test_other_files_are_named(tmp_path, storage, make, message):
    make(tmp_path / "w.pt", storage)
    with pytest.raises(JaxrecError, match=message):
        torch_weights.read(tmp_path / "w.pt")

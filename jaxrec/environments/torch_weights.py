"""Tensors from old-format (before 1.6, not zipped) torch `.pt` files, as numpy arrays and without executing the pickle.

Such a file is five pickles in a row (magic number, protocol, sizes, object, storage keys) and the raw storages. The
unpickler here knows the names a state dict of tensors needs and refuses every other, so a file can at worst be refused.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxrec.base.errors import JaxrecError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
STORAGES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
}
DAMAGED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)


class StorageKey(NamedTuple):
    """A storage by its key in the file, with the type and the number of its entries."""

    key: str
    dtype: np.dtype
    size: int


class View(NamedTuple):
    """A tensor before its storage is read; offset and strides count entries of the storage."""

    storage: StorageKey
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Rebuild:
    """Stands for torch._utils._rebuild_tensor_v2; without a __dict__, so that a pickle cannot alter it."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> View:
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, StorageKey) or not all(type(n) is int and n >= 0 for n in numbers):
            raise pickle.UnpicklingError("a tensor's offset, shape or strides are not whole numbers")
        if len(shape) != len(strides):
            raise pickle.UnpicklingError("a tensor's shape and strides differ in length")
        return View(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Rebuild()
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no state dict needs")

    def persistent_load(self, saved_id: Any) -> StorageKey:
        kind, dtype, key, _, size = saved_id[:5]
        described = isinstance(dtype, np.dtype) and type(key) is str and type(size) is int and size >= 0
        if kind != "storage" or not described:
            raise pickle.UnpicklingError("a storage is not described as torch does")
        return StorageKey(key, dtype, size)


class _Plain(pickle.Unpickler):
    """For the parts of the file that hold nothing but numbers, strings, lists and dicts."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no state dict needs")


def read(path: Path | str) -> dict[str, np.ndarray]:
    """Reads the state dict of a file, name -> array.

    Raises:
      JaxrecError: the file is missing, damaged or no state dict of tensors.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JaxrecError(f"{path}: cannot be read ({error.strerror}); put the downloaded weights there") from error
    if content[:4] == b"PK\x03\x04":
        raise JaxrecError(
            f"{path} is a zipped torch file; save it again with _use_new_zipfile_serialization=False, or as .npz"
        )
    try:
        return _parse(io.BytesIO(content))
    except DAMAGED as error:
        raise JaxrecError(f"{path} is no state dict of tensors, or damaged: {error}; download it again") from error


def _load(file: io.BytesIO, unpickler: type[pickle.Unpickler] = _Plain) -> Any:
    """Loads the next pickle of the file, after its claims of size have been held against the size of the file."""
    begin, most = file.tell(), file.getbuffer().nbytes
    for opcode, argument, _ in pickletools.genops(file):  # refuses an object that ends behind the file
        if "PUT" in opcode.name and argument is not None and argument > most:
            raise pickle.UnpicklingError(f"it claims {argument:,} objects in {most:,} bytes")
    file.seek(begin)
    return unpickler(file).load()


def _parse(file: io.BytesIO) -> dict[str, np.ndarray]:
    if _load(file) != MAGIC_NUMBER:
        raise pickle.UnpicklingError("the magic number is missing")
    _load(file)  # protocol
    if not _load(file).get("little_endian", True):
        raise pickle.UnpicklingError("it was written on a big-endian machine")
    views = _load(file, _Unpickler)
    if not isinstance(views, dict) or not all(isinstance(k, str) and isinstance(v, View) for k, v in views.items()):
        raise pickle.UnpicklingError("it holds something else than named tensors")
    described = {view.storage.key: view.storage for view in views.values()}
    storages = {key: _storage(file, described[key]) for key in _load(file)}
    return {name: _tensor(view, storages[view.storage.key]) for name, view in views.items()}


def _storage(file: io.BytesIO, storage: StorageKey) -> np.ndarray:
    size = int.from_bytes(file.read(8), "little", signed=True)
    if size != storage.size:
        raise pickle.UnpicklingError(f"storage {storage.key} has {size} numbers instead of {storage.size}")
    raw = file.read(size * storage.dtype.itemsize)
    if len(raw) != size * storage.dtype.itemsize:
        raise pickle.UnpicklingError(f"the file ends inside storage {storage.key}")
    return np.frombuffer(raw, storage.dtype)


def _tensor(view: View, storage: np.ndarray) -> np.ndarray:
    if 0 in view.shape:
        return np.zeros(view.shape, storage.dtype)
    if math.prod(view.shape) > len(storage):  # strides of 0 would let one number stand for any count of them
        raise pickle.UnpicklingError("a tensor has more numbers than its storage")
    last = view.offset + sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True))
    if storage.dtype != view.storage.dtype or last >= len(storage):
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    strides = tuple(s * storage.itemsize for s in view.strides)
    return np.lib.stride_tricks.as_strided(storage[view.offset :], view.shape, strides).copy()

"""The tensors of a Hugging Face folder in safetensors, one file or several with an index.

Only headers are read at first, and values when they are used. Pickles are refused, because reading one can run any
code.
"""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import ml_dtypes
import numpy as np

from jaxrec.base.errors import JaxrecError

DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
_INDEX = "model.safetensors.index.json"
_HEADER_LIMIT = 100 << 20  # bytes, as the format's own library has it
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One tensor in a file.

    Attributes:
      dtype: in the words of the format, see `DTYPES`. begin, end: of its values, in bytes from the file's beginning.
    """

    path: Path
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    def map(self) -> np.ndarray:
        """Returns the values as a read-only memory map: only what is used is read, and it is freed with the array."""
        if 0 in self.shape:
            return np.zeros(self.shape, DTYPES[self.dtype])
        return np.memmap(self.path, DTYPES[self.dtype], "r", self.begin, self.shape)


def tensors(folder: Path | str) -> dict[str, Tensor]:
    """Returns every tensor of the folder's checkpoint by name.

    Raises:
      JaxrecError: the folder has no safetensors, a file that the index names is missing or lacks a tensor that the
        index puts there, a tensor is in two files, a header is damaged, or a file ends inside a tensor.
    """
    folder = Path(folder).expanduser()
    by_name: dict[str, Tensor] = {}
    for path in _shards(folder):
        for name, tensor in _header(path).items():
            if name in by_name:
                raise JaxrecError(f"{path}: tensor {name} is in {by_name[name].path.name} too; download both again")
            by_name[name] = tensor
    index = folder / _INDEX
    if index.exists():
        for name, shard in _weight_map(index).items():
            if name not in by_name or by_name[name].path.name != shard:
                raise JaxrecError(f"{index} puts tensor {name} into {shard}, which does not hold it; download it again")
    return by_name


def _shards(folder: Path) -> list[Path]:
    """Returns the folder's safetensors files; raises JaxrecError where one is missing or there is none."""
    if (folder / _INDEX).exists():
        shards = sorted({folder / name for name in _weight_map(folder / _INDEX).values()})
        for shard in shards:
            if not shard.is_file():
                raise JaxrecError(f"{shard} is missing; {_INDEX} names it; download that shard")
        return shards
    single = folder / "model.safetensors"
    if single.is_file():
        return [single]
    pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if pickles:
        raise JaxrecError(
            f"{folder / pickles[0]} is a pickle, which may run any code when it is read, and is refused; "
            "download model.safetensors, or save the model again with safe serialization"
        )
    raise JaxrecError(f"{folder} holds neither model.safetensors nor {_INDEX}; put the model's weights there")


def _weight_map(index: Path) -> dict[str, str]:
    """Returns the name of the file in which the index puts each tensor; raises JaxrecError where it says no such
    names."""
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = weight_map.values() if isinstance(weight_map, dict) else [None]
        are_files = all(isinstance(name, str) and Path(name).name == name for name in names)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JaxrecError(f"{index} has no weight_map ({error}); download it again") from error
    if not are_files:
        raise JaxrecError(f"{index}: weight_map must name files of the same folder; download it again")
    return weight_map


def _header(path: Path) -> dict[str, Tensor]:
    """Reads a file's header: eight bytes of length, then a JSON object of that length; the values follow."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(_HEADER_LIMIT, size - 8):
            raise JaxrecError(f"{path} is no safetensors file, or ends inside its header; download it again")
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            by_name = {name: _tensor(path, 8 + length, entry) for name, entry in header.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise JaxrecError(f"{path} has a damaged safetensors header ({error}); download it again") from error
    for name, tensor in by_name.items():
        _check_length(name, tensor, size)
    return by_name


def _tensor(path: Path, start: int, entry: dict) -> Tensor:
    begin, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(type(n) is int and n >= 0 for n in (begin, end, *shape)):
        raise ValueError(f"offsets {entry['data_offsets']} or shape {entry['shape']} are not whole numbers")
    return Tensor(path, entry["dtype"], shape, start + begin, start + end)


def _check_length(name: str, tensor: Tensor, size: int) -> None:
    """Raises JaxrecError where a tensor ends beyond the file of `size` bytes, or has not as many bytes as its shape and
    dtype need."""
    if tensor.end > size:
        raise JaxrecError(
            f"{tensor.path}: tensor {name} is truncated (it ends at byte {tensor.end:,}, the file at {size:,}); "
            "download the file again"
        )
    if tensor.dtype not in DTYPES:
        return  # an error only where the decoder needs it (`weights.check_tensors`): old buffers are stored as bytes
    expected = math.prod(tensor.shape) * DTYPES[tensor.dtype].itemsize
    if tensor.end - tensor.begin != expected:
        raise JaxrecError(
            f"{tensor.path}: tensor {name} of shape {list(tensor.shape)} and {tensor.dtype} has "
            f"{tensor.end - tensor.begin:,} bytes instead of {expected:,}; download the file again"
        )

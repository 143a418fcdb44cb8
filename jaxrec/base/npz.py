"""Reads .npz files of unknown origin: what a header claims is held against the bytes that are there, and only then is
memory taken for it."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

_MOST_COMPRESSION = 100  # bytes that one byte of a compressed array may become; numbers that say anything need far more
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read(path: Path) -> dict[str, np.ndarray]:
    """Reads every array by its name, as `np.savez` and `np.savez_compressed` write them.

    Raises:
      ValueError: an array claims more or fewer bytes than it has, or holds Python objects.
      OSError, EOFError, zipfile.BadZipFile, zlib.error: the file is missing or damaged.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        return {info.filename.removesuffix(".npy"): _array(archive, info, size) for info in archive.infolist()}


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> np.ndarray:
    """One array, after its claimed size has been compared with that of the file of `size` bytes."""
    most = info.compress_size * (1 if info.compress_type == zipfile.ZIP_STORED else _MOST_COMPRESSION)
    if info.compress_size > size or info.file_size > most:
        raise ValueError(f"{info.filename} claims {info.file_size:,} bytes, and the file has {size:,}")
    with archive.open(info) as member:
        claimed = _claimed_bytes(member)
        if claimed != info.file_size:
            raise ValueError(f"{info.filename} claims {claimed:,} bytes instead of {info.file_size:,}")
    with archive.open(info) as member:
        return npy.read_array(member, allow_pickle=False)


def _claimed_bytes(member: IO[bytes]) -> int:
    """Bytes of the header and of the numbers that the header announces."""
    version = npy.read_magic(member)
    if version not in _HEADERS:
        raise ValueError(f"an array is of the unknown format version {version}")
    shape, _, dtype = _HEADERS[version](member)
    return member.tell() + math.prod(shape) * dtype.itemsize

"""An .npz file takes no more memory than it has bytes, whatever its headers claim."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from jaxrec.base import npz


def _written(path, header: dict, values: bytes, compression=zipfile.ZIP_STORED):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a.npy", member.getvalue() + values)
    return path


CLAIMS = {
    "a billion numbers": {"descr": "<f4", "fortran_order": False, "shape": (10**9,)},
    "one number of a gigabyte": {"descr": "|S1000000000", "fortran_order": False, "shape": (1,)},
    "a product beyond 64 bits": {"descr": "<f4", "fortran_order": False, "shape": (2**33, 2**33)},
    "fewer than there are": {"descr": "<f4", "fortran_order": False, "shape": (1,)},
    "less than nothing": {"descr": "<f4", "fortran_order": False, "shape": (-1,)},
}


def _refused(path):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="claims"):
            npz.read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_is_held_against_the_bytes_that_are_there(tmp_path, claim):
    _refused(_written(tmp_path / "x.npz", CLAIMS[claim], bytes(8)))


def test_a_file_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path):
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**7,)}
    path = _written(tmp_path / "x.npz", header, bytes(10**7), zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 20_000
    _refused(path)


def test_a_compressed_file_of_numbers_is_read(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", a=np.arange(1000) % 7)
    np.testing.assert_array_equal(npz.read(tmp_path / "x.npz")["a"], np.arange(1000) % 7)

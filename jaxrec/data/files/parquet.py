"""Parquet files: named columns as they are, and one clear line where a file is damaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files.claims import check_rows
from jaxrec.data.files.fields import one_line, require_file
from jaxrec.data.files.layout import UNREADABLE


def read(path: Path, names: Sequence[str]) -> pl.DataFrame:
    """Reads the named columns, each once. Raises: JaxrecError where the file is damaged or has no rows."""
    try:
        check_rows(path)
        frame = pl.read_parquet(path, columns=list(dict.fromkeys(names)))
    except UNREADABLE as error:
        raise _unreadable(path, error) from None
    if frame.is_empty():
        raise JaxrecError(f"{path} has no rows; write or fetch it again")
    return frame


def column_names(path: Path) -> list[str]:
    """The names of a Parquet file's columns, in order. Raises: JaxrecError where it is no Parquet file."""
    require_file(path)
    try:
        return list(pl.read_parquet_schema(path))
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: BaseException) -> JaxrecError:
    return JaxrecError(f"{path} cannot be read as Parquet ({one_line(error)}); write or fetch it again")

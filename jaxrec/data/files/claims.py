"""What a packed table claims to hold, held against its size on disk before memory is taken for it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from jaxrec.base.errors import JaxrecError

MOST_ROWS_PER_BYTE = 1000  # a full matrix of users and items, sorted and packed, has 30


def check_rows(path: Path) -> None:
    """Checks that a Parquet file claims no more rows than a log of its size can have: one row repeated, or damage.

    Raises:
      JaxrecError: it claims more.
      polars.exceptions.PolarsError: it is no Parquet file.
    """
    rows, size = pl.scan_parquet(path).select(pl.len()).collect().item(), path.stat().st_size
    if rows > MOST_ROWS_PER_BYTE * size:
        raise JaxrecError(f"{path} claims {rows:,} rows in {size:,} bytes, which no log has; write or fetch it again")

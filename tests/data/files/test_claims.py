"""A Parquet file that claims far more rows than its bytes can hold is refused before they are read."""

from __future__ import annotations

import polars as pl
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.data.files import claims


def test_one_row_repeated_for_ever_is_refused_and_a_full_matrix_is_not(tmp_path):
    rows = 5_000_000
    pl.select(user=pl.repeat(1, rows, dtype=pl.Int64)).write_parquet(tmp_path / "a.parquet", row_group_size=rows)
    assert (tmp_path / "a.parquet").stat().st_size < 5000
    with pytest.raises(JaxrecError, match=r"a.parquet claims 5,000,000 rows in [\d,]+ bytes, which no log has"):
        claims.check_rows(tmp_path / "a.parquet")
    user, item = pl.int_range(1000, eager=True), pl.int_range(100, eager=True)
    full = pl.DataFrame({"user": user}).join(pl.DataFrame({"item": item}), how="cross")
    full.write_parquet(tmp_path / "b.parquet")
    claims.check_rows(tmp_path / "b.parquet")

"""Times as people write them, against Python's own datetime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from jaxrec.data.files import times

NOON = datetime(2017, 7, 14, 12, 30, 15, 250_000, UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-07-14T12:30:15.250Z", NOON),
        ("2017-07-14 12:30:15,25", NOON),
        ("2017-07-14T14:30:15.25+02:00", NOON),
        ("2017-07-14T07:00:15.25-0530", NOON),
        (" 2017-07-14t13:30:15.25 +01 ", NOON),
        ("2017-07-14 12:30:15.25 UTC", NOON),
        ("2017-07-14T12:30", NOON.replace(second=0, microsecond=0)),
        ("2017-07-14", NOON.replace(hour=0, minute=0, second=0, microsecond=0)),
        ("1969-12-31T23:59:59", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("20170714", datetime(2017, 7, 14, tzinfo=UTC)),
        ("1500035415.25", NOON),
        (" 1.50003541525e9 ", NOON),
    ],
)
def test_dates_and_numbers(text, expected):
    read = times.seconds(pl.Series([text]), "when", "s")
    assert read.fault is None
    np.testing.assert_allclose(read.values, [expected.timestamp()], rtol=0, atol=1e-6)


@pytest.mark.parametrize("unit", times.TICKS)
def test_units(unit):
    ticks = times.TICKS[unit]
    number = 1_500_035_415 * ticks
    series = pl.Series([str(number), "0"])
    assert times.seconds(series, "when", unit).values.tolist() == [1_500_035_415, 0]
    if unit != "s":
        row, said = times.seconds(series, "when", "s").fault
        assert row == 0 and said.endswith(f"(if its unit is {unit}, set time_unit={unit!r})") and "of the year" in said


@pytest.mark.parametrize(
    ("texts", "row", "said"),
    [
        (["2017-07-14", "2017-02-30"], 1, "'2017-02-30' is no time (times are numbers in the time_unit"),
        (["2017-07-14T25:00", "2017-07-14"], 0, "is no time"),
        (["14.07.2017"], 0, "is no time"),
        (["12:30"], 0, "is no time"),
        (["2017-07-14", None], 1, "when is missing"),
        (["2017-07-14", "20170714"], 1, "is no time"),
        (["5", "2017-07-14"], 1, "is not a number (times are numbers"),
        (["5", "inf"], 1, "is not a finite number"),
        (["2217-07-14"], 0, "is after the year 2100"),
        (["1e30"], 0, "(without times set timestamp='')"),
        (["-1e12"], 0, "set time_unit='ms'"),
    ],
)
def test_what_is_no_time_is_named(texts, row, said):
    fault = times.seconds(pl.Series(texts, dtype=pl.String), "when", "s").fault
    assert fault[0] == row and said in fault[1]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_datetimes_of_parquet(unit):
    east = timezone(timedelta(hours=2))
    naive = pl.Series([NOON.replace(tzinfo=None)]).cast(pl.Datetime(unit))
    zoned = naive.dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin")
    for series in (naive, zoned):
        np.testing.assert_allclose(times.seconds(series, "when", "s").values, [NOON.timestamp()], atol=1e-6)
    assert NOON.astimezone(east).timestamp() == NOON.timestamp()
    days = pl.Series([NOON.date(), None])
    read = times.seconds(days, "when", "s")
    assert read.values[0] == 1_499_990_400 and read.fault == (1, "when is missing")
    assert "names no day" in times.seconds(pl.Series([NOON.time()]), "when", "s").fault[1]

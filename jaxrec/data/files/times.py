"""Times of the user's own table: numbers in a unit, dates and times of ISO 8601, or the datetimes of Parquet."""

from __future__ import annotations

import numpy as np
import polars as pl

from jaxrec.data.files.fields import Column, one_line
from jaxrec.data.files.own_values import Converted, numbers

TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # of each unit in a second
_LATEST = 4_102_444_800  # 2100-01-01
_DAY = 86_400
_ISO = (
    r"^(?P<date>\d{4}-\d{2}-\d{2})(?:[Tt ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d+)?))?)?"
    r" ?(?:[Zz]|UTC|(?P<offset>[+-]\d{2}(?::?\d{2})?))?$"
)
_HINT = (
    " (times are numbers in the time_unit given, or dates as 2017-07-14 and 2017-07-14T04:56:40+02:00; without times "
    "set timestamp='')"
)


def seconds(series: pl.Series, name: str, unit: str, decimal: str = ".") -> Converted:
    """Reads times as seconds since 1970, float64 [E]. Where no zone is written, times are those of UTC.

    Args:
      series: numbers, texts or datetimes. The first field of texts says whether they are numbers or dates.
      unit: of numbers, one of TICKS. Dates written as one number, 20170714, are known by all of them being dates.

    Returns:
      The seconds, or what is wrong: a time after 2100, in the unit given, is at fault and the unit that fits is named.
    """
    if series.dtype.is_temporal():
        return _of_datetimes(series, name)
    if series.dtype == pl.String and not _begins_with_a_number(series):
        return _of_iso(series.str.strip_chars(), name)
    read = numbers(series, Column(name, float, hint=_HINT), decimal)
    if read.fault:
        return read
    if len(dates := _of_eight_digits(read.values)):
        return Converted(dates)
    return Converted(read.values / TICKS[unit], _too_late(read.values, name, unit))


def _begins_with_a_number(series: pl.Series) -> bool:
    first = series.drop_nulls().head(1).str.strip_chars().str.replace(",", ".", literal=True)
    return first.is_empty() or not first.cast(pl.Float64, strict=False).null_count()


def _too_late(values: np.ndarray, name: str, unit: str) -> tuple[int, str] | None:
    """Says which unit fits where a time is further from 1970 than 2100 is."""
    row = int(np.argmax(np.abs(values)))
    largest = abs(float(values[row]))
    if largest / TICKS[unit] < _LATEST:
        return None
    fitting = [u for u, ticks in TICKS.items() if largest / ticks < _LATEST]
    year = 1970 + int(values[row] / TICKS[unit] / 31_556_952)
    advice = "without times set timestamp=''"
    if fitting:
        advice = f"if its unit is {fitting[0]}, set time_unit={fitting[0]!r}"
    return row, f"{name} {values[row]:.0f} in {unit} is of the year {year} ({advice})"


def _of_eight_digits(values: np.ndarray) -> np.ndarray:
    """Seconds of dates written as 20170714; empty where not every number is a date of 1900 to 2099."""
    if not ((values >= 19_000_101) & (values < 21_000_000) & (values == np.floor(values))).all():
        return np.empty(0)
    days = pl.Series(values.astype(np.int64)).cast(pl.String).str.to_date("%Y%m%d", strict=False)
    return np.empty(0) if days.null_count() else _days(days)


def _days(dates: pl.Series) -> np.ndarray:
    """Seconds, of dates; NaN where there is none."""
    return dates.to_physical().cast(pl.Float64).fill_null(np.nan).to_numpy() * _DAY


def _of_datetimes(series: pl.Series, name: str) -> Converted:
    if series.dtype == pl.Date:
        read = _days(series)
    elif series.dtype == pl.Datetime:
        ticks = TICKS[series.dtype.time_unit]
        whole = series.to_physical()  # of UTC, whatever the zone
        read = ((whole // ticks).cast(pl.Float64) + (whole % ticks) / ticks).fill_null(np.nan).to_numpy()
    else:
        return Converted(np.zeros(len(series)), (0, f"{name} is a {series.dtype}, which names no day{_HINT}"))
    return _known(read, series, name)


def _of_iso(texts: pl.Series, name: str) -> Converted:
    parts = texts.str.extract_groups(_ISO).struct.unnest()
    read = _days(parts["date"].str.to_date("%Y-%m-%d", strict=False))
    for part, size, limit in (("hour", 3600, 24), ("minute", 60, 60), ("second", 1, 61)):
        value = parts[part].str.replace(",", ".", literal=True).cast(pl.Float64).fill_null(0).to_numpy()
        read += np.where(value < limit, size * value, np.nan)
    offset = parts["offset"].str.replace(":", "", literal=True).str.pad_end(5, "0").cast(pl.Int64).fill_null(0)
    hours, minutes = np.divmod(np.abs(offset.to_numpy()), 100)
    return _known(read - np.sign(offset.to_numpy()) * (3600 * hours + 60 * minutes), texts, name)


def _known(read: np.ndarray, series: pl.Series, name: str) -> Converted:
    """The seconds of dates, and the first row that has none, or one after 2100."""
    bad = ~(np.abs(read) < _LATEST)  # True for NaN
    if not bad.any():
        return Converted(read)
    row = int(np.argmax(bad))
    text = "" if series[row] is None else str(series[row])
    if not text.strip():
        return Converted(read, (row, f"{name} is missing"))
    fault = f"is no time{_HINT}" if np.isnan(read[row]) else "is after the year 2100, or as long before 1970"
    return Converted(read, (row, f"{name} {one_line(text)[:40]!r} {fault}"))

"""Results as tables: mean and 95 % interval over seeds, for the console and for markdown."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

Results = Mapping[str, Mapping[str, Any]]  # method -> metric -> [S]
# The papers' order of columns, of episodes and of rankings.
FIRST = ("R_cumu", "R_avg", "Length", "coverage", "diversity", "novelty", "HR", "NDCG", "CV_div", "CV_nov", "R")


def interval(values: Any, level: float = 0.95) -> tuple[float, float]:
    """Computes (mean, half width) of Student's t interval over seeds [S]; the half width is NaN for a single seed."""
    values = np.asarray(values, np.float64).reshape(-1)
    if len(values) < 2:
        return float(values.mean()), math.nan
    half = stats.t.ppf(0.5 + level / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(half)


def number(value: float) -> str:
    """Writes a number with four significant digits and at most four decimals, without exponent where that is readable:
    81.80, 0.0123, 12,345."""
    if not math.isfinite(value):
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        digits = 3 if value == 0 else max(3 - math.floor(math.log10(abs(value))), 0)
        return f"{value:.{min(digits, 4)}f}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.2e}"


def probability(value: float | None) -> str:
    """A p value for a cell: two significant digits, '< 0.0001' below that, '-' where there is none."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.2g}" if value >= 1e-4 else "< 0.0001"


def cell(values: Any) -> str:
    """Writes seeds [S] as '81.80 ± 0.42', both to the same decimals; the mean alone for one seed."""
    mean, half = interval(values)
    text = number(mean)
    if not math.isfinite(half):
        return text
    decimals = len(text.partition(".")[2]) if "e" not in text else 6
    return f"{text} ± {half:,.{decimals}f}"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of text; the first cell of each row is its name."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def results_table(
    results: Results,
    metrics: Sequence[str] | None = None,
    *,
    reference: Mapping[str, Mapping[str, float]] | None = None,
    logged: Mapping[str, Mapping[str, float]] | None = None,
) -> Table:
    """Makes one row per method, in the order of `results`; a method's published row stands directly under ours.

    Args:
      results: method -> metric -> [S].
      metrics: the columns; by default those of `FIRST` in that order, then all others; '-' where a method lacks one.
      reference: method -> metric -> the number as published.
      logged: name of a behaviour log -> metric -> the mean over its episodes; shown as the last rows.
    """
    if metrics is None:
        metrics = sorted(dict.fromkeys(name for values in results.values() for name in values), key=_position)
    published = dict(reference or {})
    rows = []
    for method, values in results.items():
        rows.append((method, *(cell(values[m]) if m in values else "-" for m in metrics)))
        if method in published:
            rows.append(_published(method, published.pop(method), metrics))
    rows += [_published(method, values, metrics) for method, values in published.items()]
    for name, values in (logged or {}).items():
        rows.append((f"{name} (its episodes)", *(number(values[m]) if m in values else "-" for m in metrics)))
    return Table(("method", *metrics), tuple(rows))


def _position(metric: str) -> tuple[int, int]:
    """The key that columns are sorted by: first the metrics in the order of `FIRST`, then all others; a metric at
    several ranks, such as HR@5 and HR@10, by the rank."""
    name, _, cut = metric.partition("@")
    return FIRST.index(name) if name in FIRST else len(FIRST), int(cut) if cut.isdigit() else 0


def _published(method: str, values: Mapping[str, float], metrics: Sequence[str]) -> tuple[str, ...]:
    return (f"{method} (published)", *(f"{values[m]:g}" if m in values else "-" for m in metrics))


def by_mode(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """Groups results by mode: method -> 'FB/R_cumu' -> v becomes 'FB' -> method -> 'R_cumu' -> v; the mode of a name
    without a slash is ''."""
    modes: dict[str, dict[str, dict[str, Any]]] = {}
    for method, values in results.items():
        for name, value in values.items():
            mode, _, metric = name.rpartition("/")
            modes.setdefault(mode, {}).setdefault(method, {})[metric] = value
    return modes


def _widths(table: Table) -> list[int]:
    return [max(len(row[i]) for row in (table.columns, *table.rows)) for i in range(len(table.columns))]


def _aligned(row: Sequence[str], widths: Sequence[int], numbers: bool = True) -> list[str]:
    cells = [text.rjust(width) if numbers else text.ljust(width) for text, width in zip(row, widths, strict=True)]
    return [row[0].ljust(widths[0]), *cells[1:]]


def markdown(table: Table, *, numbers: bool = True) -> str:
    """Writes a table in GitHub's markdown; with `numbers`, all columns but the first are aligned to the right."""
    head, *body = ([text.replace("|", "\\|") for text in row] for row in (table.columns, *table.rows))
    escaped = Table(tuple(head), tuple(map(tuple, body)))
    widths = [max(3, width) for width in _widths(escaped)]
    rule = ["-" * widths[0], *("-" * (width - 1) + (":" if numbers else "-") for width in widths[1:])]
    lines = [_aligned(escaped.columns, widths, numbers), rule]
    lines += [_aligned(row, widths, numbers) for row in escaped.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def console(table: Table) -> str:
    """Writes a table for a terminal: columns two spaces apart, a rule under their names."""
    widths = _widths(table)
    head, *body = ("  ".join(_aligned(row, widths)).rstrip() for row in (table.columns, *table.rows))
    return "\n".join([head, "-" * (sum(widths) + 2 * (len(widths) - 1)), *body]) + "\n"

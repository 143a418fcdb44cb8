"""Our rows beside a paper's, and which of its orderings hold here: a paper's claim is an order, rarely a number.

`compare` gives plain data, kept as JSON; `markdown` is made from that data alone, so that a page can always be made
anew from what is stored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from jaxrec.reporting import tables
from jaxrec.reporting.progress import duration

MODE = "FB/"  # the mode papers report
VERDICTS = ("agrees", "disagrees", "undecided")


def compare(
    title: str,
    leader: str,
    results: Mapping[str, Mapping[str, Any]],
    published: Mapping[str, Mapping[str, float]],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """One table of a paper as plain data.

    Args:
      leader: the row that the others are held against.
      results: row -> 'mode/metric' -> [S]. published: row -> metric (of mode FB) -> the number as published.
      seconds: row -> of its training.
    """
    return {
        "title": title,
        "leader": leader,
        "rows": list(results),  # their order, which JSON with sorted keys would lose
        "results": {row: {m: np.asarray(v).tolist() for m, v in values.items()} for row, values in results.items()},
        "published": {row: dict(values) for row, values in published.items()},
        "seconds": dict(seconds),
        "orderings": [
            ordering(leader, other, metric, results, published)
            for metric in ("R_cumu", "R_avg")
            for other in results
            if other != leader
        ],
    }


def ordering(
    leader: str,
    other: str,
    metric: str,
    results: Mapping[str, Mapping[str, Any]],
    published: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """How far `leader` is ahead of `other`: ours with Welch's 95 % interval over seeds, the paper's, and a verdict.

    'undecided' where our interval holds zero; no verdict where the paper has not both rows.
    """
    ours, theirs = (np.asarray(results[row][MODE + metric], np.float64) for row in (leader, other))
    low, high = difference(ours, theirs)
    both = leader in published and other in published
    paper = published[leader][metric] - published[other][metric] if both else math.nan
    agrees = np.sign(paper) == np.sign(low)
    verdict = "" if not both else "undecided" if not low * high > 0 else "agrees" if agrees else "disagrees"
    found = {"ahead": float(ours.mean() - theirs.mean()), "low": low, "high": high, "published": paper}
    kept = {name: value if math.isfinite(value) else None for name, value in found.items()}
    return {"metric": metric, "row": other, "verdict": verdict, **kept}


def difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Welch's 95 % interval of mean(ours) - mean(theirs), each [S]; NaN for a single seed."""
    if min(len(ours), len(theirs)) < 2:
        return math.nan, math.nan
    middle = float(ours.mean() - theirs.mean())
    errors = [values.var(ddof=1) / len(values) for values in (ours, theirs)]
    if not any(errors):
        return middle, middle
    freedom = sum(errors) ** 2 / sum(e**2 / (len(v) - 1) for e, v in zip(errors, (ours, theirs), strict=True))
    half = float(stats.t.ppf(0.975, freedom) * math.sqrt(sum(errors)))
    return middle - half, middle + half


def markdown(made: Mapping[str, Any]) -> str:
    """A table per mode, in the first published rows under ours and each row's time of training, and the orderings."""
    parts = [f"## {made['title']}\n"]
    for mode, rows in tables.by_mode({row: made["results"][row] for row in made["rows"]}).items():
        first = mode + "/" == MODE
        table = tables.results_table(rows, reference=made["published"] if first else {})
        parts += [f"*{mode}*\n", tables.markdown(_with_time(table, made["seconds"]) if first else table)]
    return "\n".join([*parts, *_orderings(made)])


def _with_time(table: tables.Table, seconds: Mapping[str, float]) -> tables.Table:
    rows = tuple((*row, duration(seconds[row[0]]) if row[0] in seconds else "-") for row in table.rows)
    return tables.Table((*table.columns, "time"), rows)


def _orderings(made: Mapping[str, Any]) -> list[str]:
    judged = [found for found in made["orderings"] if found["verdict"]]
    counted = {verdict: sum(found["verdict"] == verdict for found in judged) for verdict in VERDICTS}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counted.items())
    of_paper = f" Of the paper's orderings: {said}." if judged else " The paper has none of these rows on these data."
    lines = [f"How far `{made['leader']}` is ahead (mode FB, Welch's 95 % interval).{of_paper}\n"]
    rows = tuple(
        (found["row"], found["metric"], *map(_number, (found["ahead"], found["low"], found["high"])),
         _number(found["published"]), found["verdict"] or "-")
        for found in made["orderings"]
    )  # fmt: skip
    columns = ("ahead of", "metric", "by", "from", "to", "published", "ordering")
    return [*lines, tables.markdown(tables.Table(columns, rows))]


def _number(value: float | None) -> str:
    return "-" if value is None else tables.number(value)


def page(stored: Mapping[str, Any], heading: Sequence[str] = ()) -> str:
    """A whole page of compared tables, then figures: `stored` holds 'title', 'notes' and 'tables' (name -> what
    `compare` made)."""
    notes = [f"{note}\n" for note in (*heading, *stored["notes"])]
    names = sorted(stored["tables"], key=lambda name: (not name.startswith("table"), name))
    return "\n".join([f"# {stored['title']}\n", *notes, *(markdown(stored["tables"][name]) for name in names)])

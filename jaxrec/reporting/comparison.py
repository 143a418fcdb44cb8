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

from jaxrec.reporting import figures, significance, tables
from jaxrec.reporting.progress import duration

VERDICTS = ("agrees", "disagrees", "undecided")


def compare(
    title: str,
    leader: str,
    results: Mapping[str, Mapping[str, Any]],
    published: Mapping[str, Mapping[str, float]],
    seconds: Mapping[str, float],
    *,
    mode: str = "FB",
    lead: Sequence[str] = ("R_cumu", "R_avg"),
    shown: Sequence[str] = (),
    sessions: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> dict[str, Any]:
    """One table of a paper as plain data.

    Args:
      leader: the row that the others are held against, in the metrics `lead` of the mode that the paper reports.
      results: row -> 'mode/metric' -> [S]. published: row -> metric -> the number as published.
      seconds: row -> of its training.
      shown: the columns; none takes all.
      sessions: row -> metric -> [N], what `significance.compare` takes, where rows were measured session by session.
    """
    sessions = sessions or {}
    return {
        "title": title,
        "leader": leader,
        "mode": mode,
        "shown": list(shown),
        "rows": list(results),  # their order, which JSON with sorted keys would lose
        "results": {row: {m: np.asarray(v).tolist() for m, v in values.items()} for row, values in results.items()},
        "published": {row: dict(values) for row, values in published.items()},
        "seconds": dict(seconds),
        "orderings": [
            ordering(leader, other, metric, results, published, mode)
            | {"p": _p(sessions.get(leader, {}), sessions.get(other, {}), metric)}
            for metric in lead
            for other in results
            if other != leader
        ],
    }


def _p(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray], metric: str) -> float | None:
    """Of the paired test, where there is one."""
    return significance.compare(ours, theirs)[metric][2] if metric in ours and metric in theirs else None


def ordering(
    leader: str,
    other: str,
    metric: str,
    results: Mapping[str, Mapping[str, Any]],
    published: Mapping[str, Mapping[str, float]],
    mode: str,
) -> dict[str, Any]:
    """How far `leader` is ahead of `other`: ours with Welch's 95 % interval over seeds, the paper's, and a verdict.

    'undecided' where our interval holds zero; no verdict where the paper has not both rows.
    """
    ours, theirs = (np.asarray(results[row][f"{mode}/{metric}"], np.float64) for row in (leader, other))
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
        first = mode == made["mode"]
        table = tables.results_table(rows, made["shown"] or None, reference=made["published"] if first else {})
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
    tested = any(found["p"] is not None for found in made["orderings"])
    how = f"mode {made['mode']}, Welch's 95 % interval" + "; p of the paired t-test over test sessions" * tested
    lines = [f"How far `{made['leader']}` is ahead ({how}).{of_paper}\n"]
    rows = tuple(
        (found["row"], found["metric"], *map(_number, (found["ahead"], found["low"], found["high"])),
         *[_probability(found["p"])] * tested, _number(found["published"]), found["verdict"] or "-")
        for found in made["orderings"]
    )  # fmt: skip
    columns = ("ahead of", "metric", "by", "from", "to", *["p"] * tested, "published", "ordering")
    return [*lines, tables.markdown(tables.Table(columns, rows))]


def _probability(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}" if value >= 1e-4 else "< 0.0001"


def _number(value: float | None) -> str:
    return "-" if value is None else tables.number(value)


def page(stored: Mapping[str, Any], heading: Sequence[str] = (), pictures: str = "") -> str:
    """A whole page of compared tables, each with the figure of its name, then the other figures.

    Args:
      stored: 'title', 'notes', 'tables' (name -> what `compare` made) and what `figures.markdown` shows.
      pictures: the folder that holds the figures as NAME.png.
    """
    notes = [f"{note}\n" for note in (*heading, *stored["notes"])]
    names = sorted(stored["tables"], key=lambda name: (not name.startswith("table"), name))
    drawn, lines = figures.markdown(stored, pictures), [f"# {stored['title']}\n", *notes]
    for name in names:
        lines += [markdown(stored["tables"][name]), *drawn.pop(name, ())]
    for name, picture in drawn.items():
        kind = "figures" if name in stored["figures"] else "sweeps"
        lines += [f"## {stored[kind][name]['title']}\n", *picture]
    return "\n".join(lines)

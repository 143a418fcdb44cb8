"""Our results beside a paper's table, and which of the paper's orderings of methods hold in ours.

`compare` makes plain data, which is stored as JSON; `markdown` writes a page from the stored data alone, so a page can
be written again without another run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

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
    """Makes one table of a paper as plain data.

    Args:
      title: of the table.
      leader: the method whose lead over all others the paper claims, in the metrics `lead` of `mode`.
      results: method -> 'mode/metric' -> [S].
      published: method -> metric -> the number as published.
      seconds: method -> how long its training took.
      mode: the evaluation mode that the paper reports.
      shown: the metrics to show as columns; none shows all.
      sessions: method -> metric -> [N], see `significance.read`; empty where nothing was measured session by session.
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
    """p of the paired test over sessions; None where the metric was not measured session by session."""
    return significance.compare(ours, theirs)[metric][2] if metric in ours and metric in theirs else None


def ordering(
    leader: str,
    other: str,
    metric: str,
    results: Mapping[str, Mapping[str, Any]],
    published: Mapping[str, Mapping[str, float]],
    mode: str,
) -> dict[str, Any]:
    """Compares two methods: our difference with Welch's 95 % interval over seeds, the paper's difference, a verdict.

    The verdict is 'undecided' where our interval contains zero, and '' where the paper lacks one of the two methods.
    """
    ours, theirs = (np.asarray(results[row][f"{mode}/{metric}"], np.float64) for row in (leader, other))
    low, high = significance.difference(ours, theirs)
    both = leader in published and other in published
    paper = published[leader][metric] - published[other][metric] if both else math.nan
    agrees = np.sign(paper) == np.sign(low)
    verdict = "" if not both else "undecided" if not low * high > 0 else "agrees" if agrees else "disagrees"
    numbers = {"ahead": float(ours.mean() - theirs.mean()), "low": low, "high": high, "published": paper}
    finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return {"metric": metric, "row": other, "verdict": verdict, **finite}


def markdown(compared: Mapping[str, Any]) -> str:
    """Writes what `compare` made: a table per mode, then the orderings.

    The table of the paper's mode also shows the published numbers and how long each method's training took.
    """
    parts = [f"## {compared['title']}\n"]
    for mode, methods in tables.by_mode({name: compared["results"][name] for name in compared["rows"]}).items():
        of_paper = mode == compared["mode"]
        published = compared["published"] if of_paper else {}
        table = tables.results_table(methods, compared["shown"] or None, reference=published)
        parts += [f"*{mode}*\n", tables.markdown(_with_time(table, compared["seconds"]) if of_paper else table)]
    return "\n".join([*parts, *_orderings(compared)])


def _with_time(table: tables.Table, seconds: Mapping[str, float]) -> tables.Table:
    rows = tuple((*row, duration(seconds[row[0]]) if row[0] in seconds else "-") for row in table.rows)
    return tables.Table((*table.columns, "time"), rows)


def _orderings(compared: Mapping[str, Any]) -> list[str]:
    judged = [ordered for ordered in compared["orderings"] if ordered["verdict"]]
    counts = {verdict: sum(ordered["verdict"] == verdict for ordered in judged) for verdict in VERDICTS}
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    of_paper = (
        f" Of the paper's orderings: {verdicts}." if judged else " The paper has none of these rows on these data."
    )
    tested = any(ordered["p"] is not None for ordered in compared["orderings"])
    how = f"mode {compared['mode']}, Welch's 95 % interval" + "; p of the paired t-test over test sessions" * tested
    lines = [f"How far `{compared['leader']}` is ahead ({how}).{of_paper}\n"]
    rows = tuple(
        (ordered["row"], ordered["metric"], *map(_number, (ordered["ahead"], ordered["low"], ordered["high"])),
         *[tables.probability(ordered["p"])] * tested, _number(ordered["published"]), ordered["verdict"] or "-")
        for ordered in compared["orderings"]
    )  # fmt: skip
    columns = ("ahead of", "metric", "by", "from", "to", *["p"] * tested, "published", "ordering")
    return [*lines, tables.markdown(tables.Table(columns, rows))]


def _number(value: float | None) -> str:
    return "-" if value is None else tables.number(value)


def page(stored: Mapping[str, Any], heading: Sequence[str] = (), pictures: str = "") -> str:
    """Writes a whole page: each compared table, with the figure of the same name where there is one, then all other
    figures.

    Args:
      stored: 'title', 'notes', 'tables' (name -> what `compare` made) and what `figures.markdown` shows.
      heading: paragraphs above the notes.
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

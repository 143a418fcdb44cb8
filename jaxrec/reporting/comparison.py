"""Our results beside a paper's table, and which of the paper's orderings of methods hold in ours.

`compare` makes plain data, which is stored as JSON; `markdown` writes a page from the stored data alone, so a page can
be written again without another run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxrec.reporting import figures, leads, tables
from jaxrec.reporting.progress import duration
from jaxrec.reporting.quantities import quantity

VERDICTS = ("agrees", "disagrees", "undecided")
_DESIGNS = {
    "seeds": "95 % t interval, paired by seed, for seed s of all methods met the same users; p of the paired t-test",
    "sessions": "Welch's 95 % interval over seeds; p of the paired t-test over test sessions",
    "": "Welch's 95 % interval over seeds",
}


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
    paired_seeds: bool = False,
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
      paired_seeds, sessions: what was paired, see `leads.lead`.
    """
    design = {"paired_seeds": paired_seeds, "sessions": sessions}
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
            ordering(leader, other, metric, results, published, mode, **design)
            for metric in lead
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
    mode: str,
    **design: Any,
) -> dict[str, Any]:
    """Compares two methods: our difference with its 95 % interval, the paper's difference, a verdict.

    The verdict is 'undecided' where our interval contains zero, and '' where the paper lacks one of the two methods.

    Args:
      design: what `leads.lead` must know of pairs.
    """
    measured = {row: results[row][f"{mode}/{metric}"] for row in (leader, other)}
    ours = leads.lead(measured, metric, leader, other, **design)
    both = leader in published and other in published
    sign = quantity(metric).better or 1
    paper = sign * (published[leader][metric] - published[other][metric]) if both else math.nan
    agrees = np.sign(paper) == np.sign(ours.low)
    verdict = "" if not both else "undecided" if not ours.low * ours.high > 0 else "agrees" if agrees else "disagrees"
    numbers = {"ahead": ours.ahead, "low": ours.low, "high": ours.high, "p": ours.p, "published": paper}
    finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
    return {"metric": metric, "row": other, "verdict": verdict, "pairs": ours.pairs, **finite}


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
    pairs = next((ordered["pairs"] for ordered in compared["orderings"] if ordered["pairs"]), "")
    several = any(ordered["low"] is not None for ordered in compared["orderings"])
    design = _DESIGNS[pairs] if several else "one seed, so no interval"
    lines = [f"How far `{compared['leader']}` is ahead (mode {compared['mode']}; {design}).{of_paper}\n"]
    columns = {
        "ahead of": [ordered["row"] for ordered in compared["orderings"]],
        "metric": [ordered["metric"] for ordered in compared["orderings"]],
        **{name: [_number(ordered[key]) for ordered in compared["orderings"]]
           for name, key in (("by", "ahead"), ("from", "low"), ("to", "high"))},
        "p": ["-" if ordered["p"] is None else tables.probability(ordered["p"]) for ordered in compared["orderings"]],
        "published": [_number(ordered["published"]) for ordered in compared["orderings"]],
        "ordering": [ordered["verdict"] or "-" for ordered in compared["orderings"]],
    }  # fmt: skip
    filled = {name: column for name, column in columns.items() if set(column) != {"-"}}
    return [*lines, tables.markdown(tables.Table(tuple(filled), tuple(zip(*filled.values(), strict=True))))]


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

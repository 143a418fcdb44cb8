"""What an experiment's config asks to be shown of its last evaluation: tables, figures and sweeps."""

from __future__ import annotations

from collections.abc import Sequence

from ml_collections import ConfigDict

from jaxrec.base import ranges

PUBLISHED = ranges.list_of(ranges.or_none(ranges.FINITE), "a list of finite numbers, None where the paper has none")
TABLE_RANGES = {
    "title": ranges.TEXT,
    "leader": ranges.TEXT,
    "rows": ranges.NAMES,
    "published.*": PUBLISHED,
    "columns": ranges.NAMES,
    "mode": ranges.TEXT,
    "lead": ranges.NAMES,
    "shown": ranges.TEXTS,
}
FIGURE_RANGES = {
    "title": ranges.TEXT,
    "rows": ranges.NAMES,
    "labels": ranges.TEXTS,
    "metrics": ranges.NAMES,
    "xlabel": ranges.TEXT,
    "baseline": ranges.TEXT,
}
SWEEP_RANGES = {
    "option": ranges.TEXT,
    "policies": ranges.NAMES,
    "at": ranges.list_of(ranges.FINITE, "one or more finite numbers, at most 1e12 in size"),
    "title": ranges.TEXT,
}


def table(
    title: str,
    leader: str,
    rows: Sequence[str],
    published: dict[str, tuple] | None = None,
    *,
    columns: Sequence[str] = ("R_cumu", "R_avg", "Length"),
    mode: str = "FB",
    lead: Sequence[str] = ("R_cumu", "R_avg"),
    shown: Sequence[str] = (),
) -> ConfigDict:
    """A table of a paper, made from the last evaluation and kept as tables.md and tables.json.

    Args:
      leader: the row whose lead the paper claims, in the metrics `lead` of `mode`.
      rows: in their order.
      published: row -> the numbers of `columns` as the paper has them.
      shown: the metrics to show; none shows all.
    """
    return ConfigDict(
        {
            "title": title,
            "leader": leader,
            "rows": tuple(rows),
            "published": published or {},
            "columns": tuple(columns),
            "mode": mode,
            "lead": tuple(lead),
            "shown": tuple(shown),
        }
    )


def figure(
    title: str, labels: dict[str, str], metrics: Sequence[str], *, xlabel: str = "", baseline: str = ""
) -> ConfigDict:
    """A figure of a paper: rows of the last evaluation side by side, a panel for each metric.

    Args:
      labels: row -> what it is called in the figure, from left to right; no dots in a row's name.
      metrics: 'mode/metric'.
      baseline: a row drawn as a line, or none.
    """
    names, words = tuple(labels), tuple(labels.values())  # two lists, for a config sorts its names
    return ConfigDict(
        {"title": title, "rows": names, "labels": words, "metrics": tuple(metrics), "xlabel": xlabel,
         "baseline": baseline}
    )  # fmt: skip


def sweep(option: str, policies: Sequence[str], at: Sequence[float], title: str = "") -> ConfigDict:
    """An option of `inference` set to one value after the other for policies of an evaluation on sequences."""
    return ConfigDict({"option": option, "policies": tuple(policies), "at": tuple(at), "title": title})

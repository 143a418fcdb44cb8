"""The first sentence of a report: who is ahead of whom, by how much, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from jaxrec.reporting import leads, tables
from jaxrec.reporting.leads import Lead
from jaxrec.reporting.quantities import quantity, where


def headline(
    results: Mapping[str, Any],
    mode: str,
    metric: str,
    *,
    baselines: Collection[str] = (),
    learned_from: Mapping[str, str] | None = None,
    **design: Any,
) -> str:
    """Compares the best method with the next one and with the best trivial baseline (or, where the best method is one,
    with the best trained method).

    Args:
      results: method -> [S] in one metric of one mode.
      baselines: the trivial methods: fixed rules, counts, untrained models.
      learned_from: method -> what it learned from, in words ("trained online in `train`").
      design: what `leads.lead` must know of pairs.

    Returns:
      One sentence in markdown; it says "level" where zero lies in the interval of the difference.
    """
    methods, words = leads.order(results, metric), quantity(metric)
    best = methods[0]
    origin = {method: "a trivial baseline" for method in baselines} | dict(learned_from or {})
    superlative = "lowest" if words.better < 0 else "highest"
    opening = f"{where(mode)}, {_named(best, origin)} has the {superlative} {words.name}, {tables.cell(results[best])}"
    if len(methods) == 1:
        return f"{opening}; no other method was measured beside it."
    compared = {methods[1]: ["the next method"]}
    rivals = [method for method in methods[1:] if (method in baselines) != (best in baselines)]
    if rivals and baselines:
        role = "the best trained method" if best in baselines else "the best trivial baseline"
        compared.setdefault(rivals[0], []).append(role)
    clauses = [
        _clause(leads.lead(results, metric, best, other, **design), " and ".join(roles))
        for other, roles in compared.items()
    ]
    return f"{opening}: it is {', and '.join(clauses)}."


def _named(method: str, origin: Mapping[str, str]) -> str:
    return f"`{method}` ({origin[method]})" if method in origin else f"`{method}`"


def _clause(lead: Lead, role: str) -> str:
    """'ahead of `dt`, the next method, by 3.20 (95 % interval 1.00 to 5.40)' or 'level with ...'."""
    level, gap, evidence = lead.is_level(), tables.number(lead.ahead), _evidence(lead)
    if level is None:
        return f"ahead of `{lead.other}`, {role}, by {gap} ({evidence})"
    if level:
        return f"level with `{lead.other}`, {role} (difference {gap}, {evidence})"
    return f"ahead of `{lead.other}`, {role}, by {gap} ({evidence})"


def _evidence(lead: Lead) -> str:
    parts = []
    if math.isfinite(lead.low):
        parts.append(f"95 % interval {tables.number(lead.low)} to {tables.number(lead.high)}")
    if math.isfinite(lead.p):
        p = tables.probability(lead.p)
        parts.append(f"p {p}" if p.startswith("<") else f"p = {p}")
    return ", ".join(parts) or "one seed, so no interval"

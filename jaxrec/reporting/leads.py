"""How far one method of a table is ahead of another, with the uncertainty that the experiment's design allows.

Where seed s of every method met the same users (episodes), the difference is taken seed by seed: a paired t interval
and test, from three seeds on. Where methods ranked the same sessions, the test is over sessions. Everywhere else the
interval is Welch's over seeds, and there is no p value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxrec.reporting import significance
from jaxrec.reporting.quantities import quantity

SIGNIFICANT = 0.05
FEWEST_PAIRS = 3


class Lead(NamedTuple):
    """How far `leader` is ahead of `other`, counted so that more is better; NaN where it cannot be known.

    Attributes:
      ahead: the difference of the means over seeds. low, high: its 95 % interval over seeds.
      p: of the two-tailed paired t-test. pairs: what was paired, 'seeds', 'sessions' or ''.
    """

    leader: str
    other: str
    ahead: float
    low: float
    high: float
    p: float
    pairs: str

    def is_level(self) -> bool | None:
        """Tells whether zero lies in the interval or, of one seed, p is 0.05 or more; None where neither is known."""
        if math.isfinite(self.low):
            return self.low <= 0 <= self.high
        if math.isfinite(self.p):
            return self.p >= SIGNIFICANT
        return True if self.ahead == 0 else None


def order(results: Mapping[str, Any], metric: str) -> list[str]:
    """Orders the methods from best to worst in a metric; equal ones keep their order.

    Args:
      results: method -> [S].
    """
    sign = quantity(metric).better or 1
    return sorted(results, key=lambda method: -sign * float(np.mean(results[method])))


def lead(
    results: Mapping[str, Any],
    metric: str,
    leader: str,
    other: str,
    *,
    paired_seeds: bool = False,
    sessions: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> Lead:
    """Computes how far `leader` is ahead of `other`.

    Args:
      results: method -> [S] in that metric.
      paired_seeds: seed s of every method met the same users.
      sessions: method -> metric -> [N], see `significance.read`; empty where nothing was measured by session.
    """
    sign = quantity(metric).better or 1
    ours, theirs = (sign * np.asarray(results[method], np.float64).reshape(-1) for method in (leader, other))
    p, pairs = math.nan, ""
    if paired_seeds and len(ours) == len(theirs) >= FEWEST_PAIRS:
        low, high = significance.paired_difference(ours, theirs)
        p, pairs = significance.paired(ours, theirs), "seeds"
    else:
        low, high = significance.difference(ours, theirs)
    measured = sessions or {}
    if metric in measured.get(leader, {}) and metric in measured.get(other, {}):
        p, pairs = significance.compare(measured[leader], measured[other])[metric][2], "sessions"
    return Lead(leader, other, float(ours.mean() - theirs.mean()), low, high, p, pairs)


def over_all(results: Mapping[str, Any], metric: str, **design: Any) -> list[Lead]:
    """Computes the best method's lead over every other, the nearest first; see `lead` for the arguments."""
    methods: Sequence[str] = order(results, metric)
    return [lead(results, metric, methods[0], other, **design) for other in methods[1:]]

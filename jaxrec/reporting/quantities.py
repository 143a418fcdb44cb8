"""What the numbers of a report are called, what they mean, and which way is better: the words of tables and axes.

The formulas are in `evaluation.episode_metrics` and `evaluation.ranking_metrics`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Quantity(NamedTuple):
    """A metric in words.

    Attributes:
      name: as in "ahead by 3 in NAME".
      unit: of the axis that shows it.
      meaning: one line for a reader who has not read the paper.
      better: +1 where more is better, -1 where less is, 0 where it only describes.
    """

    name: str
    unit: str
    meaning: str
    better: int = 0

    def axis(self) -> str:
        """Name and unit, for an axis."""
        return f"{self.name} ({self.unit})"


QUANTITIES = {
    "R_cumu": Quantity("return per episode", "sum of rewards", "mean sum of an episode's rewards", 1),
    "R_avg": Quantity("reward per step", "reward", "sum of all rewards divided by the number of all steps", 1),
    "Length": Quantity("episode length", "steps", "mean number of steps before the user leaves or time is up", 1),
    "coverage": Quantity("coverage", "share of the catalogue", "share of the items recommended at least once"),
    "diversity": Quantity("diversity", "1 - cosine", "mean distance between the items of one episode"),
    "novelty": Quantity("novelty", "bits", "mean of -log2 of the recommended items' shares of the log"),
    "CV_turn": Quantity("CV_turn", "share of the turns", "distinct items recommended at all / turns of all episodes"),
    "diversity_easyrl4rec": Quantity("EasyRL4Rec's diversity", "0 to 1", "1 - mean similarity of an episode's pairs"),
    "novelty_easyrl4rec": Quantity("EasyRL4Rec's novelty", "nats", "mean of -ln of likes per user of the items"),
    "HR": Quantity("hit rate", "share of targets", "share of the true next items among the first k of their list", 1),
    "NDCG": Quantity("NDCG", "0 to 1", "like HR, but an item counts less the lower it stands in the list", 1),
    "CV_div": Quantity("CV_div", "share of the catalogue", "share of all items recommended in at least one list"),
    "CV_nov": Quantity("CV_nov", "share of the tail", "share of the less popular items in at least one list"),
    "R": Quantity("repetitions", "per session", "recommendations that an earlier list of the session had", -1),
    "UP": Quantity("unexpected items", "per list", "items of the first k that the user's past sessions lack", 1),
    "HR_ser": Quantity("serendipitous hit rate", "share of targets", "HR over targets new to the user", 1),
    "NDCG_ser": Quantity("serendipitous NDCG", "0 to 1", "NDCG over targets new to the user", 1),
    "perplexity": Quantity("perplexity", "tokens", "exponential of the mean negative log-likelihood of a token", -1),
    "bits_per_token": Quantity("bits per token", "bits", "mean negative log-likelihood of a token, base 2", -1),
}  # fmt: skip
LEADING = ("R_cumu", "HR", "perplexity")  # what methods are first compared in, where the experiment names nothing else
LEADING_CUT = "10"  # k of HR@k


def quantity(metric: str) -> Quantity:
    """The words for 'R_cumu' or 'HR@10'; a metric that no table here knows describes itself and has no better side."""
    name, _, cut = metric.partition("@")
    known = QUANTITIES.get(name)
    if known is None:
        return Quantity(metric, "value", "")
    return known._replace(name=f"{known.name} at {cut}") if cut else known


def leading(metrics: Iterable[str]) -> str | None:
    """Chooses the metric that methods are compared in: the first of `LEADING` that was measured; None where none was.

    Of HR@k it takes HR@10, or the largest k where 10 was not measured.
    """
    measured = list(metrics)
    for name in LEADING:
        same = [metric for metric in measured if metric.partition("@")[0] == name]
        if same:
            preferred = f"{name}@{LEADING_CUT}"
            return preferred if preferred in same else max(same, key=lambda metric: _cut(metric))
    return None


def _cut(metric: str) -> int:
    return int(metric.partition("@")[2] or 0)


def mode_words(mode: str) -> str:
    """Says what happens in an evaluation mode (M 4.1), as a sentence without a full stop; '' for an unknown name."""
    if mode == "FB":
        return "items may repeat, users may leave"
    if mode == "NX_0":
        return "no item repeats, users may leave"
    if match := re.fullmatch(r"NX_(\d+)", mode):
        return f"no item repeats, no user leaves, exactly {match[1]} steps"
    if mode == "ranking":
        return "the whole catalogue is ranked for every held-out next item"
    return "the models read held-out text" if mode == "validation" else ""


def where(mode: str) -> str:
    """Begins a sentence about one mode: 'In mode FB (items may repeat, users may leave)', 'On held-out text'."""
    if mode == "ranking":
        return "Ranking the whole catalogue for every held-out next item"
    if mode == "validation":
        return "On held-out text"
    words = mode_words(mode)
    return f"In mode {mode} ({words})" if words else f"In {mode}" if mode else "Overall"

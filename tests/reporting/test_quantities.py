"""Every metric that evaluators measure has words, and modes are explained."""

from __future__ import annotations

import re

import pytest

from jaxrec.evaluation import episode_metrics, ranking_metrics
from jaxrec.reporting import quantities


@pytest.mark.parametrize("module", [episode_metrics, ranking_metrics])
def test_every_metric_of_the_evaluators_has_a_meaning(module):
    names = re.findall(r"^(\w+(?:@k)?(?:, \w+@k)*) {2,}", module.__doc__, re.M)
    assert len(names) >= 6
    for name in ", ".join(names).replace("@k", "").split(", "):
        assert quantities.QUANTITIES[name].meaning and quantities.quantity(name).axis()


def test_a_cut_is_part_of_the_name():
    assert quantities.quantity("HR@20").name == "hit rate at 20" and quantities.quantity("HR@20").better == 1
    assert quantities.quantity("seconds") == ("seconds", "value", "", 0)


@pytest.mark.parametrize(
    ("metrics", "chosen"),
    [(("coverage", "R_cumu"), "R_cumu"), (("HR@5", "HR@10", "HR@20"), "HR@10"), (("HR@5", "HR@20"), "HR@20"),
     (("bits_per_token", "perplexity"), "perplexity"), (("coverage",), None)],
)  # fmt: skip
def test_what_rows_are_compared_in(metrics, chosen):
    assert quantities.leading(metrics) == chosen


def test_modes_in_words():
    assert quantities.mode_words("NX_10").endswith("exactly 10 steps")
    assert all(quantities.mode_words(mode) for mode in ("FB", "NX_0", "ranking"))
    assert quantities.mode_words("speed") == ""
    assert quantities.where("FB") == "In mode FB (items may repeat, users may leave)"
    assert (quantities.where("validation"), quantities.where("speed")) == ("On held-out text", "In speed")

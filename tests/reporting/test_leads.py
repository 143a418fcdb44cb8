"""How far rows are ahead: paired intervals and p values by a textbook's numbers, Welch's where nothing is paired."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from jaxrec.reporting import leads

RETURNS = {"a": [10.0, 12.0, 14.0], "b": [9.0, 10.0, 11.0], "c": [1.0, 0.0, 5.0]}


def test_paired_by_seed_by_hand():
    # differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t = 3.4641, two degrees of freedom, t(0.975) = 4.302653
    found = leads.lead(RETURNS, "R_cumu", "a", "b", paired_seeds=True)
    assert (found.ahead, found.pairs) == (2.0, "seeds")
    assert (found.low, found.high) == pytest.approx(
        (2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), rel=1e-6
    )
    # for two degrees of freedom P(|T| > t) = 1 - t / sqrt(t^2 + 2)
    t = 2 * math.sqrt(3)
    assert found.p == pytest.approx(1 - t / math.sqrt(t**2 + 2))
    assert found.is_level()


def test_without_pairs_the_interval_is_welchs_and_there_is_no_p():
    # variances 4 and 1 over 3: standard error sqrt(5/3), Welch's degrees of freedom (5/3)^2 / ((4/3)^2 + (1/3)^2) * 2
    found = leads.lead(RETURNS, "R_cumu", "a", "b")
    freedom = 2 * 25 / 17
    half = stats.t.ppf(0.975, freedom) * math.sqrt(5 / 3)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))
    assert math.isnan(found.p) and found.pairs == ""


def test_two_seeds_are_too_few_to_be_paired():
    found = leads.lead({"a": [10.0, 12.0], "b": [9.0, 10.0]}, "R_cumu", "a", "b", paired_seeds=True)
    assert math.isnan(found.p) and found.pairs == ""


def test_sessions_of_rankings_give_p():
    targets = np.array([1, 1, 1, 1])
    sessions = {
        row: {"HR@10": np.asarray(hits, np.float32), "targets": targets, "surprises": targets}
        for row, hits in (("a", [1, 1, 1, 1]), ("b", [0, 0, 0, 1]))
    }
    found = leads.lead({"a": [1.0], "b": [0.25]}, "HR@10", "a", "b", sessions=sessions)
    # differences 1, 1, 1, 0: mean 0.75, standard error 0.25, t = 3, three degrees of freedom: p = 0.0577
    assert found.p == pytest.approx(0.0577, abs=1e-4) and found.pairs == "sessions"
    assert math.isnan(found.low) and found.is_level()


def test_less_perplexity_is_ahead():
    results = {"untrained": [300.0, 310.0], "gpt2": [20.0, 22.0]}
    assert leads.order(results, "perplexity") == ["gpt2", "untrained"]
    (found,) = leads.over_all(results, "perplexity")
    assert (found.leader, found.other, found.ahead) == ("gpt2", "untrained", 284.0) and found.is_level() is False


def test_the_best_row_is_compared_with_all_others_nearest_first():
    assert [(found.leader, found.other) for found in leads.over_all(RETURNS, "R_cumu")] == [("a", "b"), ("a", "c")]


def test_one_seed_decides_nothing_but_equality():
    assert leads.lead({"a": [2.0], "b": [1.0]}, "R_cumu", "a", "b").is_level() is None
    assert leads.lead({"a": [2.0], "b": [2.0]}, "R_cumu", "a", "b").is_level() is True

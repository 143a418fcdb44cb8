"""Numbers computed by hand; the t quantiles are the textbook's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jaxrec.reporting import tables


def test_interval_by_hand():
    # mean 3, standard deviation sqrt(2.5), t(0.975, 4) = 2.776445
    mean, half = tables.interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert mean == 3.0
    assert half == pytest.approx(2.776445 * math.sqrt(2.5 / 5), rel=1e-6)


def test_interval_at_another_level_and_of_equal_seeds():
    assert tables.interval([0.0, 2.0], level=0.9)[1] == pytest.approx(6.313752, rel=1e-6)  # t(0.95, 1), error 1
    assert tables.interval([2.0, 2.0, 2.0]) == (2.0, 0.0)


def test_one_seed_has_no_interval():
    mean, half = tables.interval([4.0])
    assert mean == 4.0 and math.isnan(half)
    assert tables.cell([4.0]) == "4.000"


@pytest.mark.parametrize(
    ("value", "text"),
    [(81.8, "81.80"), (2.733, "2.733"), (0.01234, "0.0123"), (12345.6, "12,346"), (0.0, "0.000"), (2e-6, "2.00e-06")]
    + [(-1.5, "-1.500"), (1234.5, "1234"), (float("nan"), "-"), (0.00012345, "1.23e-04"), (0.0083333, "0.0083")],
)
def test_numbers(value, text):
    assert tables.number(value) == text


def test_cell_gives_both_parts_the_same_decimals():
    assert tables.cell([80.0, 82.0, 84.0]) == "82.00 ± 4.97"  # t(0.975, 2) = 4.302653, error 2 / sqrt(3)


def test_published_row_stands_under_ours():
    ours = {"a2c": {"R_cumu": [1.0, 3.0], "Length": [2.0, 2.0]}, "dt": {"R_cumu": [5.0, 5.0]}}
    table = tables.results_table(ours, reference={"a2c": {"R_cumu": 81.8}, "ppo": {"Length": 28.86}})
    assert table.columns == ("method", "R_cumu", "Length")
    assert [row[0] for row in table.rows] == ["a2c", "a2c (published)", "dt", "ppo (published)"]
    assert table.rows[0] == ("a2c", "2.000 ± 12.706", "2.000 ± 0.000")
    assert table.rows[1] == ("a2c (published)", "81.8", "-")
    assert table.rows[2] == ("dt", "5.000 ± 0.000", "-")


def test_columns_stand_in_the_order_papers_give_them():
    table = tables.results_table({"dt": {"Length": [1.0], "extra": [1.0], "R_cumu": [1.0]}, "a2c": {"coverage": [1.0]}})
    assert table.columns == ("method", "R_cumu", "Length", "coverage", "extra")
    assert table.rows[1] == ("a2c", "-", "-", "1.000", "-")


def test_cuts_stand_in_their_order():
    table = tables.results_table({"sasrec": dict.fromkeys(("CV_div@5", "HR@10", "HR@20", "HR@5", "NDCG@5"), [1.0])})
    assert table.columns == ("method", "HR@5", "HR@10", "HR@20", "NDCG@5", "CV_div@5")


def test_modes_are_split_by_their_prefix():
    split = tables.by_mode({"dt": {"FB/R_cumu": [1.0], "NX_0/R_cumu": [2.0], "seconds": [3.0]}})
    expected = {"FB": {"dt": {"R_cumu": [1.0]}}, "NX_0": {"dt": {"R_cumu": [2.0]}}, "": {"dt": {"seconds": [3.0]}}}
    assert split == expected


def test_markdown():
    table = tables.Table(("method", "x"), (("a|b", "1"), ("c", "22.5")))
    assert tables.markdown(table) == "| method |    x |\n| ------ | ---: |\n| a\\|b   |    1 |\n| c      | 22.5 |\n"
    assert tables.markdown(tables.Table(("k", "v"), (("a", "b"),)), numbers=False).splitlines()[1:] == [
        "| --- | --- |",
        "| a   | b   |",
    ]


def test_console():
    table = tables.Table(("method", "x"), (("dt", "1"), ("a2c", "22.5")))
    assert tables.console(table) == "method     x\n------------\ndt         1\na2c     22.5\n"

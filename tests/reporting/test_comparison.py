"""Verdicts by hand, and the page that is written from stored data."""

from __future__ import annotations

import json

from jaxrec.reporting import comparison

OURS = {
    "new": {"FB/R_cumu": [10.0, 11.0, 12.0], "FB/R_avg": [1.0, 1.1, 1.2], "NX_0/R_cumu": [5.0, 5.0, 5.0]},
    "old": {"FB/R_cumu": [1.0, 2.0, 3.0], "FB/R_avg": [1.0, 1.1, 1.3], "NX_0/R_cumu": [4.0, 4.0, 4.0]},
    "odd": {"FB/R_cumu": [20.0, 21.0, 22.0], "FB/R_avg": [0.5, 0.5, 0.5], "NX_0/R_cumu": [4.0, 4.0, 4.0]},
    "ours": {"FB/R_cumu": [0.0, 0.0, 0.0], "FB/R_avg": [0.0, 0.0, 0.0], "NX_0/R_cumu": [0.0, 0.0, 0.0]},
}
PAPER = {
    "new": {"R_cumu": 9.0, "R_avg": 2.0, "Length": 4.5},
    "old": {"R_cumu": 8.0, "R_avg": 1.0, "Length": 8.0},
    "odd": {"R_cumu": 7.0, "R_avg": 1.5, "Length": 5.0},
}


def test_verdicts():
    made = comparison.compare("Table 1", "new", OURS, PAPER, {})
    verdicts = {(found["row"], found["metric"]): found["verdict"] for found in made["orderings"]}
    assert verdicts == {
        ("old", "R_cumu"): "agrees",
        ("old", "R_avg"): "undecided",
        ("odd", "R_cumu"): "disagrees",
        ("odd", "R_avg"): "agrees",
        ("ours", "R_cumu"): "",  # the paper has no such row
        ("ours", "R_avg"): "",
    }


def test_page_is_made_from_what_is_stored():
    made = comparison.compare("Table 1", "new", OURS, PAPER, {"new": 75.0})
    stored = {"title": "tables on a world", "notes": ["Scaled down."], "tables": {"table_1": made}}
    page = comparison.page(stored, ("How it was made.",))
    assert page == comparison.page(json.loads(json.dumps(stored)), ("How it was made.",))
    lines = page.splitlines()
    assert lines[0] == "# tables on a world" and "How it was made." in lines and "Scaled down." in lines
    assert "2 agrees, 1 disagrees, 1 undecided" in page
    (ours,) = (line for line in lines if line.startswith("| new ") and "1 min 15 s" in line)
    assert "11.00 ± 2.48" in ours
    assert "| new (published) |" in page and "*NX_0*" in page


def _columns(page):
    """The header of the orderings' table."""
    (header,) = (line for line in page.splitlines() if line.startswith("| ahead of"))
    return [cell.strip() for cell in header.strip("|").split("|")]


def test_rows_that_met_the_same_users_are_compared_in_pairs():
    ours = {"new": {"FB/R_cumu": [2.0, 3.0, 4.0]}, "old": {"FB/R_cumu": [1.0, 2.0, 3.5]}}
    made = {paired: comparison.compare("T", "new", ours, PAPER, {}, lead=("R_cumu",), paired_seeds=paired)
            for paired in (False, True)}  # fmt: skip
    (paired,), (unpaired,) = made[True]["orderings"], made[False]["orderings"]
    # Differences 1, 1, 0.5: mean 5/6, standard error 1/6, t(2) 4.3027, half 0.7171.
    assert (round(paired["low"], 3), round(paired["high"], 3)) == (0.116, 1.55)
    assert (paired["verdict"], unpaired["verdict"]) == ("agrees", "undecided")
    page = comparison.markdown(made[True])
    assert "paired by seed" in page and "Welch" not in page
    assert _columns(page) == ["ahead of", "metric", "by", "from", "to", "p", "published", "ordering"]
    assert "Welch's 95 % interval over seeds" in comparison.markdown(made[False])


def test_columns_that_nothing_fills_are_left_out():
    ours = {name: {"FB/R_cumu": rows["FB/R_cumu"][:1]} for name, rows in OURS.items()}
    page = comparison.markdown(comparison.compare("T", "new", ours, {}, {}, lead=("R_cumu",), paired_seeds=True))
    assert _columns(page) == ["ahead of", "metric", "by"]
    assert "one seed, so no interval" in page and "Welch" not in page
    page = comparison.markdown(comparison.compare("T", "new", OURS, {}, {}, lead=("R_cumu",)))
    assert _columns(page) == ["ahead of", "metric", "by", "from", "to"]

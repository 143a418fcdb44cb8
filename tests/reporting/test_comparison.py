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

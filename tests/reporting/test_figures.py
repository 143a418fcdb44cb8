"""A paper's figures from plain data: what is drawn, and the page that shows it."""

from __future__ import annotations

import json

from jaxrec.reporting import comparison, figures

METRICS = ("ranking/HR@20", "ranking/CV_div@20")
RESULTS = {
    "beta_0": dict(zip(METRICS, ([0.1, 0.2], [0.5, 0.7]), strict=True)),
    "modt4r": dict(zip(METRICS, ([0.3, 0.5], [0.6, 0.6]), strict=True)),
    "sasrec": dict(zip(METRICS, ([0.2, 0.2], [0.3, 0.3]), strict=True)),
}
SWEEP = {"modt4r": [(v, {m: [v, v + 1] for m in METRICS}) for v in (0.0, 2.0)]}


def stored():
    made = {
        "figures": {
            "figure_4_6": figures.across(
                "Figure 4.6", {"modt4r": "0.6", "beta_0": "0"}, METRICS, RESULTS, xlabel="beta", baseline="sasrec"
            )
        },
        "sweeps": {"figure_4_5": figures.swept("Figure 4.5", "diversity", 2.0, SWEEP, {"sasrec": RESULTS["sasrec"]})},
    }
    return json.loads(json.dumps(made, sort_keys=True))


def test_a_panel_per_metric_with_the_rows_in_their_order():
    first, second = figures.draw(stored())["figure_4_6"].axes
    assert [text.get_text() for text in first.get_xticklabels()] == ["0.6", "0"]
    assert first.lines[0].get_ydata().round(6).tolist() == [0.4, 0.15] and first.get_ylabel() == "HR@20"
    assert second.lines[0].get_ydata().round(6).tolist() == [0.6, 0.6]
    assert [round(line.get_ydata()[0], 6) for line in (first.lines[-1], second.lines[-1])] == [0.2, 0.3]


def test_the_page_shows_each_picture_that_is_saved(tmp_path):
    made = stored()
    figures.save(made, tmp_path)
    page = comparison.page({"title": "t", "notes": [], "tables": {}, **made}, pictures="results")
    assert "## Figure 4.6\n\n![Figure 4.6](results/figure_4_6.png)" in page and "| modt4r, diversity = 2 |" in page
    assert {path.name for path in tmp_path.iterdir()} == {
        "figure_4_5.png",
        "figure_4_5_trade_off.png",
        "figure_4_6.png",
    }
    assert "(results/figure_4_5.png)" in page and "(results/figure_4_5_trade_off.png)" in page
    assert figures.markdown({}, "") == {}

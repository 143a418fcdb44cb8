"""A varied option as a table and as curves of accuracy against coverage."""

from jaxrec.reporting import report, sweeps

METRICS = ("HR@5", "HR@20", "CV_div@20", "CV_nov@20")
SWEEP = {"ours": [(v, {f"ranking/{m}": [v + n, v + n + 0.2] for n, m in enumerate(METRICS)}) for v in (0.0, 2.0)]}


def test_the_longest_lists_are_shown_value_by_value():
    made = sweeps.table("diversity", SWEEP)
    assert made.columns == ("method", "HR@20", "CV_div@20", "CV_nov@20")
    assert [row[0] for row in made.rows] == ["ours, diversity = 0", "ours, diversity = 2"]
    assert made.rows[1][1].startswith("3.1")


def test_the_report_holds_table_and_curve(tmp_path):
    results = {"ours": SWEEP["ours"][0][1], "sasrec": SWEEP["ours"][1][1]}
    made = report.Report("title", results, sweeps={"Figure 4.5": ("diversity", 2.0, SWEEP)})
    text = report.write(tmp_path, made).read_text()
    assert "### Figure 4.5" in text and "ours, diversity = 2" in text and "![Figure 4.5](figure_4_5.png)" in text
    assert (tmp_path / "figure_4_5.png").stat().st_size > 5000 and "(figure_4_5_trade_off.png)" in text


def test_each_metric_stands_against_the_value():
    figure = sweeps.against("diversity", SWEEP, 2.0)
    assert [axes.get_ylabel() for axes in figure.axes] == ["HR@20", "CV_div@20", "CV_nov@20"]
    line = figure.axes[1].lines[0]
    assert line.get_xdata().tolist() == [0.0, 2.0] and line.get_ydata().round(6).tolist() == [2.1, 4.1]
    ring = figure.axes[1].collections[-1].get_offsets()
    assert ring.round(6).tolist() == [[2.0, 4.1]] and figure.axes[0].get_xlabel() == "diversity"
    assert sweeps.against("diversity", {"ours": [(0.0, {"perplexity": [1.0]})]}, None) is None


def test_the_curve_goes_through_the_means_and_rings_what_is_asked_for():
    figure = sweeps.figure("diversity", SWEEP, {"sasrec": SWEEP["ours"][0][1]}, 2.0)
    (axes,) = figure.axes
    line = axes.lines[0]
    assert line.get_label() == "ours, CV_div" and [round(x, 6) for x in line.get_xdata()] == [2.1, 4.1]
    assert [round(y, 6) for y in line.get_ydata()] == [1.1, 3.1]
    assert len(axes.collections) == 3  # a ring on each curve, and sasrec
    assert sweeps.figure("diversity", {"ours": [(0.0, {"ranking/HR@5": [1.0]})]}, {}, None) is None

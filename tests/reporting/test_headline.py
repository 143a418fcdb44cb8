"""The first sentence in every case: ahead, level, a trivial row first, one row, one seed."""

from __future__ import annotations

from jaxrec.reporting.headline import headline

BEST, NEAR, FAR = [10.0, 11.0, 12.0], [9.5, 11.5, 11.0], [2.0, 3.0, 4.0]


def test_ahead_of_the_next_and_of_the_best_trivial_row():
    results = {"dt": [5.0, 6.1, 7.2], "ours": BEST, "random": [1.0, 1.0, 1.0], "popular": FAR}
    said = headline(
        results, "FB", "R_cumu", baselines=("random", "popular"),
        learned_from={"ours": "trained on the log `log` alone"}, paired_seeds=True,
    )  # fmt: skip
    assert said == (
        "In mode FB (items may repeat, users may leave), `ours` (trained on the log `log` alone) has the highest "
        "return per episode, 11.00 ± 2.48: it is ahead of `dt`, the next method, by 4.900 (95 % interval 4.652 to "
        "5.148, p = 0.00014), and ahead of `popular`, the best trivial baseline, by 8.000 (95 % interval 8.000 to "
        "8.000, p < 0.0001)."
    )


def test_level_where_the_interval_holds_zero():
    # variances 1 and 13/12 over 3: standard error 5/6, Welch's degrees of freedom 3.99, t(0.975) = 2.778
    said = headline({"ours": BEST, "dt": NEAR, "random": FAR}, "NX_0", "R_cumu", baselines=("random",))
    assert "(no item repeats, users may leave)" in said
    assert "it is level with `dt`, the next method (difference 0.3333, 95 % interval -1.982 to 2.648)" in said
    assert "ahead of `random`, the best trivial baseline, by 8.000" in said


def test_the_next_row_may_be_the_best_trivial_one():
    said = headline({"ours": BEST, "random": FAR}, "FB", "R_cumu", baselines=("random",))
    assert (
        "ahead of `random`, the next method and the best trivial baseline, by 8.000" in said
        and said.count("ahead") == 1
    )


def test_a_trivial_row_that_is_first_is_said_to_be_one():
    said = headline({"dt": FAR, "cycle": BEST, "random": NEAR}, "FB", "R_cumu", baselines=("cycle", "random"))
    assert "`cycle` (a trivial baseline) has the highest" in said
    assert "level with `random`, the next method" in said and "ahead of `dt`, the best trained method, by 8.000" in said


def test_one_row_has_nobody_beside_it():
    assert headline({"ours": BEST}, "FB", "R_cumu") == (
        "In mode FB (items may repeat, users may leave), `ours` has the highest return per episode, 11.00 ± 2.48; "
        "no other method was measured beside it."
    )


def test_one_seed_has_no_interval():
    said = headline({"gpt2": [20.5], "untrained": [300.0]}, "validation", "perplexity", baselines=("untrained",))
    assert said == (
        "On held-out text, `gpt2` has the lowest perplexity, 20.50: it is ahead of `untrained`, the "
        "next method and the best trivial baseline, by 279.5 (one seed, so no interval)."
    )

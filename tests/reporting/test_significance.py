"""The paired test by scipy's, on rows as an evaluation leaves them, and from the command line."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from jaxrec.base import checksums
from jaxrec.base.errors import JaxrecError
from jaxrec.base.files import save_arrays
from jaxrec.reporting import significance

RNG = np.random.default_rng(0)
TARGETS = RNG.integers(1, 5, 40)
SURPRISES = RNG.binomial(TARGETS, 0.5)
OURS, THEIRS = (RNG.binomial(TARGETS, share).astype(np.float32) for share in (0.7, 0.3))


def row(values, targets=TARGETS):
    return {"HR@10": values, "R@10": values, "HR_ser@10": values, "targets": targets, "surprises": SURPRISES}


def test_p_is_that_of_the_paired_t_test():
    assert significance.paired(OURS, THEIRS) == pytest.approx(
        stats.ttest_rel(OURS.astype(float), THEIRS).pvalue, rel=1e-9
    )
    assert significance.paired(OURS, OURS) == 1.0 and significance.paired(OURS + 1, OURS) == 0.0
    assert math.isnan(significance.paired(OURS[:1], THEIRS[:1]))


def test_difference_by_hand():
    # both of variance 1 over 3: standard error sqrt(2/3), 4 degrees of freedom, t(0.975, 4) = 2.776445
    low, high = significance.difference(np.array([10.0, 11.0, 12.0]), np.array([1.0, 2.0, 3.0]))
    assert (low + high) / 2 == pytest.approx(9.0)
    assert (high - low) / 2 == pytest.approx(2.776445 * math.sqrt(2 / 3), rel=1e-6)


def test_seeds_that_agree_have_no_spread_and_one_seed_has_no_interval():
    same = np.asarray([2.0, 2.0])
    assert significance.difference(same, same - 1) == (1.0, 1.0)
    assert all(math.isnan(edge) for edge in significance.difference(same[:1], same))


def test_a_paired_difference_by_hand():
    # differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t(0.975, 2) = 4.302653
    low, high = significance.paired_difference(np.array([10.0, 12.0, 14.0]), np.array([9.0, 10.0, 11.0]))
    half = 4.302653 / math.sqrt(3)
    assert (low, high) == pytest.approx((2 - half, 2 + half), rel=1e-6)


def test_rows_are_compared_per_target_of_the_same_sessions():
    found = significance.compare(row(OURS), row(THEIRS))
    for metric, parts in (("HR@10", TARGETS.sum()), ("R@10", 40), ("HR_ser@10", SURPRISES.sum())):
        ours, theirs, p = found[metric]
        assert (ours, theirs) == pytest.approx((OURS.sum() / parts, THEIRS.sum() / parts)) and p < 0.05
    assert set(found) == {"HR@10", "R@10", "HR_ser@10"}
    with pytest.raises(JaxrecError, match="not measured on the same sessions"):
        significance.compare(row(OURS), row(THEIRS, TARGETS + 1))
    with pytest.raises(JaxrecError, match="40 sessions cannot be paired with 39"):
        significance.paired(OURS, THEIRS[1:])


def finish(folder):
    checksums.write(folder / "done.json", {"files": checksums.of_folder(folder)})


def test_two_runs_from_the_command_line(tmp_path, capsys):
    for run, values in (("a", OURS), ("b", THEIRS)):
        (tmp_path / run).mkdir()
        save_arrays(tmp_path / run / significance.FILE, {"modt4r": row(values)})
        finish(tmp_path / run)
    found = significance.read(tmp_path / "a" / significance.FILE)
    np.testing.assert_array_equal(found["modt4r"]["HR@10"], OURS)
    assert significance.main([f"{tmp_path / 'a'}:modt4r", f"{tmp_path / 'b'}:modt4r"]) == 0
    p = f"{significance.paired(OURS, THEIRS):.2g}"
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[2][-1] == p
    ahead = {line[0]: float(line[-2]) for line in lines[2:] if line}
    assert ahead["HR@10"] > 0 > ahead["R@10"], "of repetitions, fewer is ahead"
    for argument, said in (("a:sasrec", "has no row 'sasrec'; it has modt4r"), ("c:modt4r", "there is no")):
        assert significance.main([f"{tmp_path / 'a'}:modt4r", f"{tmp_path / argument}"]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("left", [0, 1, 100, -1])
def test_a_damaged_file_is_one_line(tmp_path, capsys, left):
    path = tmp_path / significance.FILE
    save_arrays(path, {"modt4r": row(OURS)})
    finish(tmp_path)
    path.write_bytes(path.read_bytes()[:left])
    assert significance.main([f"{tmp_path}:modt4r"] * 2) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: {path} is damaged; delete the folder {tmp_path}, and the command of its run makes it again"

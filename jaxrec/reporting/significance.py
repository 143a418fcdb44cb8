"""Is the difference between two rows of a table larger than chance explains?

Two rankings of the same test sessions are compared session by session: the mean difference is held against its spread
over sessions in a two-tailed paired t-test, as in the tables of T and L. A session's value is the mean over seeds of
what that session adds to the metric; the spread between seeds is shown by the tables' intervals instead. Coverage is
not a mean over sessions, so it has an interval over seeds but no p value.

    python -m jaxrec.reporting.significance runs/modt4r/evaluation:modt4r runs/modt4r/evaluation:sasrec

Each argument is the folder of an evaluation, a colon and one of its rows; the two folders may belong to two runs.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import stats

from jaxrec.base import checksums, files
from jaxrec.base.errors import JaxrecError
from jaxrec.reporting import tables
from jaxrec.reporting.quantities import quantity

FILE = "sessions.npz"
COUNTS = ("targets", "surprises")  # per session, not metrics; see `evaluation.ranking_metrics`


def read(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Reads what an evaluation measured session by session: row -> metric -> [N]; empty where there is no such file.

    Raises:
      JaxrecError: the file is damaged.
    """
    if not path.exists():
        return {}
    rows: dict[str, dict[str, np.ndarray]] = {}
    for key, values in files.read_npz(path, f"delete {path.parent}, and the run ranks again").items():
        row, metric = key[2:-2].split("']['")
        rows.setdefault(row, {})[metric] = values
    return rows


def paired(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Computes p of the two-tailed paired t-test over N pairs (sessions or seeds).

    Args:
      ours, theirs: [N], one value per session or seed, in the same order.

    Returns:
      p; 1 where every difference is 0, 0 where every difference is the same other number, NaN for fewer than two pairs.

    Raises:
      JaxrecError: different numbers of sessions.
    """
    if ours.shape != theirs.shape:
        raise JaxrecError(f"{len(ours)} sessions cannot be paired with {len(theirs)}: rank the same test sessions")
    difference = ours.astype(np.float64) - theirs
    if len(difference) < 2:
        return math.nan
    error = difference.std(ddof=1) / math.sqrt(len(difference))
    if error == 0:
        return 1.0 if difference[0] == 0 else 0.0
    return float(2 * stats.t.sf(abs(difference.mean() / error), len(difference) - 1))


def paired_difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Computes the 95 % t interval of the mean of ours - theirs over pairs; each [N], in the same order."""
    mean, half = tables.interval(np.asarray(ours, np.float64) - theirs)
    return mean - half, mean + half


def difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Computes Welch's 95 % interval of mean(ours) - mean(theirs), each [S]; NaN for a single seed."""
    if min(len(ours), len(theirs)) < 2:
        return math.nan, math.nan
    middle = float(ours.mean() - theirs.mean())
    errors = [values.var(ddof=1) / len(values) for values in (ours, theirs)]
    if not any(errors):
        return middle, middle
    freedom = sum(errors) ** 2 / sum(e**2 / (len(v) - 1) for e, v in zip(errors, (ours, theirs), strict=True))
    half = float(stats.t.ppf(0.975, freedom) * math.sqrt(sum(errors)))
    return middle - half, middle + half


def compare(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float, float]]:
    """Compares two rankings of the same sessions: metric -> (our value, their value, p), in every metric both have.

    Args:
      ours, theirs: metric -> [N], one row each of what `read` gives.

    Raises:
      JaxrecError: they ranked different targets.
    """
    if any(not np.array_equal(ours[count], theirs[count]) for count in COUNTS):
        raise JaxrecError("the two rows were not measured on the same sessions, so they cannot be compared in pairs")
    compared = {}
    for metric in ours:
        if metric in theirs and metric not in COUNTS:
            count = max(float(_denominators(metric, ours).sum()), 1.0)
            values = [float(row[metric].sum(dtype=np.float64) / count) for row in (ours, theirs)]
            compared[metric] = (*values, paired(ours[metric], theirs[metric]))
    return compared


def _denominators(metric: str, row: Mapping[str, np.ndarray]) -> np.ndarray:
    """[N], what each session adds to the metric's denominator: its targets, its unexpected targets, or itself."""
    name = metric.partition("@")[0]
    if name in ("HR_ser", "NDCG_ser"):
        return row["surprises"]
    return row["targets"] if name in ("HR", "NDCG") else row["targets"] > 0


def _row(argument: str) -> dict[str, np.ndarray]:
    folder, _, row = argument.rpartition(":")
    path = Path(folder) / FILE
    if path.parent.is_dir():
        checksums.finished(path.parent, f"delete the folder {folder}, and the command of its run makes it again")
    rows = read(path)
    if not rows:
        raise JaxrecError(f"there is no {path}; name the folder of an evaluation that ranked, and a row: FOLDER:ROW")
    if row not in rows:
        raise JaxrecError(f"{path} has no row {row!r}; it has {', '.join(sorted(rows))}")
    return rows[row]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs=2, metavar="FOLDER:ROW")
    names = parser.parse_args(arguments).rows
    try:
        compared = compare(*map(_row, names))
    except JaxrecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = tuple(
        (metric, *map(tables.number, (a, b, (quantity(metric).better or 1) * (a - b))), f"{p:.2g}")
        for metric, (a, b, p) in sorted(compared.items())
    )
    print(tables.console(tables.Table(("metric", *names, "ahead by", "p"), rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

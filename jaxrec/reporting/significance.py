"""Is one model's ranking better than another's, or would other sessions have turned it round?

Both models ranked the targets of the same test sessions, so the difference is taken session by session and held against
its spread over sessions: a two-tailed paired t-test, as the tables of T and L have it. A session's value is the mean
over seeds of what it adds to the metric, which leaves the spread between seeds to the tables' intervals. Coverage is no
mean over sessions, and is left to those intervals too.

    python -m jaxrec.reporting.significance runs/modt4r/evaluation:modt4r runs/modt4r/evaluation:sasrec

Each argument is the folder of an evaluation, a colon and one of its rows; the folders may be of two runs.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import stats

from jaxrec.base import files
from jaxrec.base.errors import JaxrecError
from jaxrec.reporting import tables

FILE = "sessions.npz"
COUNTS = ("targets", "surprises")  # of each session; see `evaluation.ranking_metrics`


def read(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Row -> metric -> [N], from what an evaluation left; no row where it left nothing.

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
    """p of the two-tailed paired t-test over N sessions; 1 where all are alike, NaN for fewer than two.

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


def compare(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> dict[str, tuple[float, float, float]]:
    """Metric -> (our value, theirs, p) for all that both were measured in.

    Raises:
      JaxrecError: they ranked different targets.
    """
    if any(not np.array_equal(ours[count], theirs[count]) for count in COUNTS):
        raise JaxrecError("the two rows were not measured on the same sessions, so they cannot be compared in pairs")
    found = {}
    for metric in ours:
        if metric in theirs and metric not in COUNTS:
            count = max(float(_parts(metric, ours).sum()), 1.0)
            values = [float(row[metric].sum(dtype=np.float64) / count) for row in (ours, theirs)]
            found[metric] = (*values, paired(ours[metric], theirs[metric]))
    return found


def _parts(metric: str, row: Mapping[str, np.ndarray]) -> np.ndarray:
    """[N], how much of what the metric is a mean over each session holds."""
    name = metric.partition("@")[0]
    if name in ("HR_ser", "NDCG_ser"):
        return row["surprises"]
    return row["targets"] if name in ("HR", "NDCG") else row["targets"] > 0


def _row(argument: str) -> dict[str, np.ndarray]:
    folder, _, row = argument.rpartition(":")
    path = Path(folder) / FILE
    rows = read(path)
    if not rows:
        raise JaxrecError(f"there is no {path}; name the folder of an evaluation that ranked, and a row: FOLDER:ROW")
    if row not in rows:
        raise JaxrecError(f"{path} has no row {row!r}; it has {', '.join(sorted(rows))}")
    return rows[row]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs=2, metavar="FOLDER:ROW")
    given = parser.parse_args(arguments).rows
    try:
        found = compare(*map(_row, given))
    except JaxrecError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = tuple((m, *map(tables.number, (a, b, a - b)), f"{p:.2g}") for m, (a, b, p) in sorted(found.items()))
    print(tables.console(tables.Table(("metric", *given, "ahead by", "p"), rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

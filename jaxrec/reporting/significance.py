"""Is one model's ranking better than another's, or would other sessions have turned it round?

Both models ranked the targets of the same test sessions, so the difference is taken session by session and held against
its spread over sessions: a two-tailed paired t-test, as the tables of T and L have it. A session's value is the mean
over seeds of what it adds to the metric, which leaves the spread between seeds to the tables' intervals.

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

from jaxrec.reporting import tables
from jaxrec.types import JaxrecError

FILE = "sessions.npz"
TARGETS = "targets"


def read(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Row -> metric -> [N], from what an evaluation left; no row where it left nothing."""
    if not path.exists():
        return {}
    rows: dict[str, dict[str, np.ndarray]] = {}
    with np.load(path, allow_pickle=False) as stored:
        for key in stored.files:
            row, metric = key[2:-2].split("']['")
            rows.setdefault(row, {})[metric] = stored[key]
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
    if not np.array_equal(ours[TARGETS], theirs[TARGETS]):
        raise JaxrecError("the two rows were not measured on the same sessions, so they cannot be compared in pairs")
    count = max(float(ours[TARGETS].sum()), 1.0)
    shared = [metric for metric in ours if metric != TARGETS and metric in theirs]
    mean = lambda values: float(values.sum(dtype=np.float64) / count)  # noqa: E731
    return {m: (mean(ours[m]), mean(theirs[m]), paired(ours[m], theirs[m])) for m in shared}


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

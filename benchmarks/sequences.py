"""How long does a log of a million events take to become what an experiment trains on and ranks?

    python -m benchmarks.sequences [--out FILE]

What is timed is `experiment.kinds.sequences.of_log`: filters, split, padded sequences in buckets, and the items that
users met before. Both logs are generated and ordered by time, so that the events of different sessions alternate.

`by_user`: sessions of the mean length of RC15 over 26,702 items, and the steps of T 4.5.1: items and sessions of three
events or more, 100,000 sampled sessions, 80/10/10 by session. `by_gaps`: a week of users with sessions as many and as
long as those of Album (T table 5.2), and the steps of T 5.4.1: repeats dropped, sessions by pauses of 60 minutes, items
of three events, sessions of three and users of five sessions or more, the last session as test. `from_csv` and
`from_parquet`: the same from a file, reading included; `from_notes.csv`: from a file whose last column is mostly empty.
`kept` is the share of the events that filters and sampling leave.
"""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.timing import measure, report
from jaxrec.base.records import Interactions
from jaxrec.data import datasets
from jaxrec.experiment.kinds import Dataset, sequences

EVENTS, DAY = 1_000_000, 86_400
BY_USER = {"min_item": 3, "num_users": 100_000}
BY_GAPS = {
    "length": 20, "split": "last_session", "session_minutes": 60.0, "min_item": 3, "min_session": 3,
    "min_sessions": 5, "repeats": False, "long": "recent",
}  # fmt: skip


def record(user: np.ndarray, item: np.ndarray, time: np.ndarray, num_items: int) -> Interactions:
    """Makes the log of events [E], ordered by time."""
    order = np.argsort(time, kind="stable")
    return Interactions(
        user=user[order].astype(np.int32),
        item=item[order],
        feedback=np.ones(len(order), np.float32),
        time=time[order],
        split=np.zeros(len(order), np.int8),
        user_ids=np.arange(user.max() + 1),
        item_ids=np.arange(num_items),
    )


def items(rng: np.random.Generator, num_items: int) -> np.ndarray:
    """Draws an item for every event, popular ones far more often."""
    return (num_items * rng.random(EVENTS) ** 3).astype(np.int32)


def clicks(num_items: int, mean_length: float = 6.2) -> Interactions:
    """Generates sessions of clicks, each of a user of its own."""
    rng = np.random.default_rng(0)
    user = rng.integers(0, int(EVENTS / mean_length), EVENTS)
    return record(user, items(rng, num_items), rng.integers(0, 180 * DAY, EVENTS), num_items)


def listening(num_items: int, mean_length: float = 9.1, mean_sessions: float = 8.0) -> Interactions:
    """Generates a week of listening: minutes between the events of a session, hours or days between sessions."""
    rng = np.random.default_rng(0)
    length = 1 + rng.poisson(mean_length - 1, int(1.1 * EVENTS / mean_length))
    session = np.repeat(np.arange(len(length)), length)[:EVENTS]
    user = rng.integers(0, int(len(length) / mean_sessions), len(length))
    passed = np.cumsum(rng.integers(30, 600, EVENTS))
    start = rng.integers(0, 7 * DAY, len(length))
    first = np.searchsorted(session, session)
    return record(user[session], items(rng, num_items), start[session] + passed - passed[first], num_items)


def prepared(options: dict, interactions: Interactions) -> Dataset:
    """Makes the dataset of sequences from a log."""
    return sequences.of_log(sequences.options(**options), lambda: interactions)


def from_file(path: Path) -> Dataset:
    """Makes the dataset of sequences from a file of events."""
    return prepared(BY_GAPS, datasets.load("csv", path=path, rating=None, duplicates="keep"))


def written(interactions: Interactions, folder: Path) -> dict[str, Path]:
    """Writes the log as files of users, items and times; returns kind -> path."""
    table = pl.DataFrame({"user": interactions.user, "item": interactions.item, "timestamp": interactions.time})
    paths = {kind: folder / f"events.{kind}" for kind in ("csv", "parquet")}
    table.write_csv(paths["csv"])
    paths["notes.csv"] = folder / "events.notes.csv"
    noted = pl.when(pl.int_range(len(table)) % 50 == 0).then(pl.lit("seen, liked"))
    table.with_columns(noted.alias("note")).write_csv(paths["notes.csv"])
    table.write_parquet(paths["parquet"])
    return paths


def main() -> None:
    week = listening(129_273)
    with tempfile.TemporaryDirectory(prefix="jaxrec-") as folder:
        steps = {
            "by_user": functools.partial(prepared, BY_USER, clicks(26_702)),
            "by_gaps": functools.partial(prepared, BY_GAPS, week),
        }
        steps |= {f"from_{kind}": functools.partial(from_file, p) for kind, p in written(week, Path(folder)).items()}
        for name, step in steps.items():
            kept = step().spec.counts["events"] / EVENTS
            figures = measure(lambda step=step: step().data, repeats=3)
            rate = EVENTS / figures["median_s"]
            report(f"sequences_{name}", **figures, events=EVENTS, events_per_s=rate, kept=kept)


if __name__ == "__main__":
    main()

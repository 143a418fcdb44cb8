"""How long does a log of a million events take to become padded sequences, filters and split included?

Generated: sessions of RC15's mean length over 26,702 items of Zipf popularity, rows in the order of time, so that
sessions lie interleaved. T 4.5.1's steps: sessions and items with three rows, sampled sessions, 80/10/10 by session.

    python -m benchmarks.sequences [--out FILE]
"""

from __future__ import annotations

import numpy as np

from benchmarks.timing import measure, report
from jaxrec.data import preprocess, sequences, sessions, splits
from jaxrec.types import TEST, TRAIN, VALIDATION, Interactions


def log(events: int, num_items: int, mean_length: float = 6.2) -> Interactions:
    rng = np.random.default_rng(0)
    num_sessions = int(events / mean_length)
    user = rng.integers(0, num_sessions, events).astype(np.int32)
    item = (num_items * rng.random(events) ** 3).astype(np.int32)
    time = np.sort(rng.integers(0, 180 * 86_400, events))
    return Interactions(
        user=user,
        item=item,
        feedback=np.ones(events, np.float32),
        time=time,
        split=np.zeros(events, np.int8),
        user_ids=np.arange(num_sessions),
        item_ids=np.arange(num_items),
    )


def prepared(interactions: Interactions) -> list:
    kept = preprocess.min_counts(interactions, item=3)
    kept = preprocess.min_counts(kept, user=3)
    kept = sessions.sample_users(kept, kept.num_users * 9 // 10)
    kept = splits.by_user(kept)
    return [sequences.build(kept, length=11, split=split) for split in (TRAIN, VALIDATION, TEST)]


def by_gaps(interactions: Interactions) -> list:
    """T 5.4.1's steps: repeats, 60-minute sessions, filters, the last session as test."""
    kept = sessions.without_repeats(interactions)
    kept = sessions.frequent(kept, gap=86_400 * 20, item=3, length=2, sessions=2)
    number = sessions.number(kept, 86_400 * 20)
    kept = splits.last_session(kept, number)
    return [sequences.build(kept, length=20, split=split, session=number) for split in (TRAIN, TEST)]


def main() -> None:
    interactions = log(1_000_000, 26_702)
    for name, steps in (("sequences_by_user", prepared), ("sequences_by_gaps", by_gaps)):
        figures = measure(steps, interactions, repeats=3)
        report(name, **figures, events=len(interactions), events_per_s=len(interactions) / figures["median_s"])


if __name__ == "__main__":
    main()

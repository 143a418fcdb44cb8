"""Does a shop's log of 5 million events over 352,602 items fit on one machine: in what time, with how much memory?

The log is generated: Zipf popularity, sessions of 10 events in the mean and some of hundreds. It then takes the way of
every log: split by session, sequences, one block of steps by `training.loop.fit` with the exact loss over all items,
and the full ranking of every position of the held-out sessions.

    python -m benchmarks.retail_scale [--events 5000000] [--items 352602] [--steps 10] [--out FILE]
"""

from __future__ import annotations

import argparse
import functools
import operator
import resource
import time

import jax
import numpy as np

from benchmarks.timing import report
from jaxrec.algorithms.next_item import cross_entropy
from jaxrec.base.records import TEST, Interactions
from jaxrec.base.specs import SequencesSpec
from jaxrec.data import splits
from jaxrec.data.next_item import next_item
from jaxrec.evaluation import ranking_metrics, rankings
from jaxrec.training import loop

SESSION, LENGTH, HELD_OUT = 10, 10, 0.002


def log(events: int, num_items: int) -> Interactions:
    """Generates the log; every user has one session."""
    draw = np.random.default_rng(0)
    spread = 1.2  # of the logarithm, about as in logs of shops
    length = 2 + (draw.lognormal(np.log(SESSION - 2) - spread**2 / 2, spread, 2 * events // SESSION)).astype(np.int32)
    user = np.repeat(np.arange(len(length), dtype=np.int32), length)[:events]
    share = np.cumsum(1.0 / np.arange(1, num_items + 1))
    item = np.searchsorted(share, draw.uniform(0, share[-1], len(user))).astype(np.int32)
    return Interactions(
        user, item, np.ones(len(user), np.float32), np.arange(len(user), dtype=np.int64), np.zeros(len(user), np.int8),
        np.arange(user[-1] + 1), np.arange(num_items),
    )  # fmt: skip


def peak_gigabytes() -> float:
    """Returns the peak of resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # in kB on Linux


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"events": 5_000_000, "items": 352_602, "steps": 10}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--out")
    arguments, seconds = parser.parse_args(), {}
    made_log = log(arguments.events, arguments.items)

    def timed(name: str, work):
        start = time.perf_counter()
        result = jax.block_until_ready(work())
        seconds[f"{name}_s"] = time.perf_counter() - start
        return result

    def prepare():
        split = splits.by_user(made_log, test=HELD_OUT, validation=0.0, seed=0)
        return next_item(split, length=LENGTH + 1, test=TEST)

    data = timed("prepare", prepare)
    algorithm = cross_entropy.make(cross_entropy.defaults(), SequencesSpec(made_log.num_users, arguments.items, LENGTH))
    fit = lambda: loop.fit(  # noqa: E731
        algorithm.learner, algorithm.source, data, num_steps=arguments.steps, steps_per_call=arguments.steps
    )
    state = timed("train_block", fit)
    params = jax.tree.map(lambda leaf: leaf[0], state.params)
    count = rankings.counter(*algorithm.ranker, num_items=arguments.items, ks=(20,))
    buckets = list(zip(data.test, data.past, strict=True))
    ranking = timed("rank", lambda: functools.reduce(operator.add, (count(params, *bucket) for bucket in buckets)))
    targets = int(ranking.targets.sum())
    report(
        "retail_scale", events=len(made_log), items=arguments.items, steps=arguments.steps, targets=targets, **seconds,
        longest=data.test[-1].item.shape[1],
        targets_per_s=targets / seconds["rank_s"], peak_gb=peak_gigabytes(),
        coverage=float(ranking_metrics.summary(ranking, ks=(20,))["CV_div@20"]),
    )  # fmt: skip


if __name__ == "__main__":
    main()

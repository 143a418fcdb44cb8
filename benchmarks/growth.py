"""How does the time of a training step grow with the log, and with the catalogue?

SASRec with the loss over the whole catalogue, batches of 256 sequences of 10 items, width 64. At first the log grows
over 10,000 items, then the catalogue grows under a log of one million events. A step draws its sequences from the log
on the device, so its time should not depend on the log's length; the loss is linear in the catalogue.

    python -m benchmarks.growth [--rounds 5] [--plot FILE.png] [--out FILE]
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import jax
import numpy as np

from benchmarks.timing import report
from jaxrec.algorithms.next_item import cross_entropy
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.training.loop import make_block, seed_keys

LENGTH = 10
EVENTS = (10_000, 100_000, 1_000_000, 5_000_000)
ITEMS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
STEPS = 3  # per round


def log(events: int, num_items: int) -> NextItem:
    """Makes sequences of as many random items, on the device."""
    shape = (events // (LENGTH + 1), LENGTH + 1)
    item = np.random.default_rng(0).integers(0, num_items, shape).astype(np.int32)
    rows = Sequences(item, np.ones(shape, np.float32), np.ones(shape, bool), np.arange(shape[0]))
    return jax.device_put(NextItem(rows, (), (), np.ones(num_items, np.int32)))


def step_seconds(events: int, num_items: int, rounds: int) -> dict[str, float]:
    """Returns the median, least and most seconds of a step, and the seconds of compiling it."""
    data, config = log(events, num_items), cross_entropy.defaults()
    algorithm = cross_entropy.make(config, SequencesSpec(1, num_items, LENGTH))
    keys, block = seed_keys(0, 1), make_block(algorithm.learner, algorithm.source)
    carry = (jax.jit(jax.vmap(algorithm.learner.init))(keys), ())
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        carry, metrics = block(carry, data, keys, STEPS)
        jax.block_until_ready(metrics)
        times.append((time.perf_counter() - start) / STEPS)
    median = statistics.median(times[1:])
    return {
        "median_s": median,
        "min_s": min(times[1:]),
        "max_s": max(times[1:]),
        "compile_s": STEPS * (times[0] - median),
    }


def plot(path: Path, rows: list[dict]) -> None:
    """Draws the time of a step over the log's events and over the items."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.5), sharey=True)
    for axis, over, label in zip(axes, ("events", "num_items"), ("events in the log", "items"), strict=True):
        chosen = [row for row in rows if row["over"] == over]
        axis.loglog([row[over] for row in chosen], [1e3 * row["median_s"] for row in chosen], marker="o")
        axis.set_xlabel(label)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("milliseconds per step")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    sizes = [("events", events, 10_000) for events in EVENTS] + [("num_items", 1_000_000, items) for items in ITEMS]
    rows = []
    for over, events, num_items in sizes:
        figures = step_seconds(events, num_items, arguments.rounds)
        rows.append(report("growth", over=over, events=events, num_items=num_items, **figures))
    if arguments.plot:
        plot(arguments.plot, rows)


if __name__ == "__main__":
    main()

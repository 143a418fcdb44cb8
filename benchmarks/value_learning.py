"""What does a step of SA2C cost, which share of it is drawing sequences and negatives, and how does PyTorch compare?

    python -m benchmarks.value_learning [--targets one] [--peer-python PYTHON] [--out FILE]

GRU encoder of width 64, sequences of 11 items, batch 256, 10 negatives per state, over 2,933 and 26,702 items
(Yoochoose's sample and RC15). With targets `all` a step learns from every position of a sequence, 2,560 transitions;
with `one` from one position, 256 transitions. The step is that of the loop (source, losses, optimizer; one seed); its
draws are also timed alone. The peer is `benchmarks/peers/torch_sa2c.py`, in an interpreter with torch, on as many
threads; the two take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from benchmarks.peers import connect
from benchmarks.timing import in_turn, report
from jaxrec.algorithms.next_item import sa2c, target_positions, value_terms
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.training import loop

LENGTH, BATCH, NEGATIVES, WIDTH, ROWS = 10, 256, 10, 64, 20_000


def data(num_items: int) -> NextItem:
    """Makes sequences without padding of items drawn at random."""
    item = np.random.default_rng(0).integers(0, num_items, (ROWS, LENGTH)).astype(np.int32)
    ones = np.ones(item.shape, np.float32)
    rows = Sequences(item, ones, ones > 0, np.arange(ROWS, dtype=np.int32), np.zeros(ROWS, np.int32))
    return jax.tree.map(jnp.asarray, NextItem(rows, (), (), np.bincount(item.ravel(), minlength=num_items)))


def options(targets: str) -> ConfigDict:
    """Returns the options of SA2C after its warm-up."""
    config = sa2c.defaults()
    config.update({"encoder": "gru", "width": WIDTH, "batch_size": BATCH, "num_negatives": NEGATIVES})
    config.update({"targets": targets, "warmup_steps": 0})
    return config


def training(algorithm, logged: NextItem, steps: int) -> Callable[[], float]:
    """Returns a function that runs `steps` steps of the loop and returns its seconds."""
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    carry = jax.tree.map(lambda x: jnp.asarray(x)[None], (state, algorithm.source.init(logged, state.params, None)))
    block, keys = loop.make_block(algorithm.learner, algorithm.source), loop.seed_keys(0, 1)

    def run() -> float:
        nonlocal carry
        start = time.perf_counter()
        carry, _ = block(carry, logged, keys, steps)
        jax.block_until_ready(carry)
        return time.perf_counter() - start

    return run


def drawing(algorithm, logged: NextItem, steps: int, config: ConfigDict, num_items: int) -> Callable[[], float]:
    """Returns a function that makes the draws of `steps` steps alone (sequences, positions, negatives) and returns its
    seconds."""
    one_position = config.targets == "one"

    def draws_of_step(total, key):
        key_rows, key_position, key_negatives = jax.random.split(key, 3)
        _, batch = algorithm.source.next(logged, (), None, key_rows)
        positions = [target_positions.draw(config, batch.mask[:, 1:], key_position)] * one_position
        rows = BATCH * (1 if one_position else LENGTH)
        negatives = value_terms.sample_negatives(key_negatives, rows, NEGATIVES, num_items)
        sums = [x.astype(jnp.float32).sum() for x in (*jax.tree.leaves(batch), *positions, negatives)]
        return total + sum(sums), None

    draw = jax.jit(lambda keys: jax.lax.scan(draws_of_step, 0.0, keys)[0])
    keys = jax.random.split(jax.random.key(1), steps)

    def run() -> float:
        start = time.perf_counter()
        jax.block_until_ready(draw(keys))
        return time.perf_counter() - start

    return run


def case(num_items: int, arguments: argparse.Namespace) -> None:
    """Reports the step over a catalogue of so many items."""
    config, logged = options(arguments.targets), data(num_items)
    algorithm = sa2c.make(config, SequencesSpec(ROWS, num_items, LENGTH))
    runs = {"jaxrec": training(algorithm, logged, arguments.steps)}
    compile_s = runs["jaxrec"]()
    runs["sampling"] = drawing(algorithm, logged, arguments.steps, config, num_items)
    settings = {"num_items": num_items, "targets": arguments.targets, "discount": 0.5, "length": LENGTH, "batch": BATCH}
    settings |= {"num_negatives": NEGATIVES, "width": WIDTH, "rows": ROWS, "threads": len(os.sched_getaffinity(0))}
    if peer := connect("torch_sa2c", arguments.peer_python, settings, arguments.steps, "torch"):
        runs["torch"] = peer
    times = in_turn(runs, arguments.rounds, arguments.steps)
    fields = {f"{name}_step_s": statistics.median(values) for name, values in times.items()}
    fields["sampling_share"] = statistics.median(
        part / whole for part, whole in zip(times["sampling"], times["jaxrec"], strict=True)
    )
    if peer:
        fields["speedup"] = statistics.median(t / j for t, j in zip(times["torch"], times["jaxrec"], strict=True))
    fields["compile_s"] = max(compile_s - arguments.steps * fields["jaxrec_step_s"], 0.0)
    report("sa2c_step", **fields, num_items=num_items, targets=arguments.targets, batch_size=BATCH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--targets", default="all", choices=("all", "one"))
    parser.add_argument("--num-items", type=int, nargs="*", default=[2_933, 26_702])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    for num_items in arguments.num_items:
        case(num_items, arguments)


if __name__ == "__main__":
    main()

"""How long does SASRec take to train and to rank, beside RecBole's?

The log is generated: 2,000 users with 51 random items each, of 3,000 items; length 50, width 64, 2 layers, batch 256,
no dropout, Adam, cross-entropy over all items. `train` has one loss for each sequence, as in RecBole, each package with
its own loader; beside it is the step with a loss at every position of each sequence, which is jaxrec's default.
`evaluate` ranks every user's last item among all items, with hit rate and NDCG at 5, 10 and 20; beside it is the
ranking of every position of every user, for which RecBole encodes each position by itself: its time is that of the last
position times 50 (not run). The two packages take turns. `gflop_per_s` is the arithmetic that the ranking of last
positions makes in a second, `matmul_gflop_per_s` that of a product of two large matrices in the same run: the second
over the first bounds what a better program could gain with the same arithmetic.

    python -m benchmarks.next_item [--peer-python PYTHON] [--rounds 7] [--out FILE]

PYTHON is an interpreter with torch and recbole; without it this interpreter is tried, and the peer left out where that
has none.
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

from benchmarks.peers import connect
from benchmarks.timing import in_turn, report
from jaxrec.algorithms.next_item import cross_entropy
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.evaluation import rankings
from jaxrec.training.loop import make_block, seed_keys

SIZES = {"num_items": 3000, "length": 50, "width": 64, "num_layers": 2, "batch_size": 256, "users": 2000}
KS = (5, 10, 20)
MATMUL = 2048  # rows of the square matrices that show what the machine reaches
STEPS = {"train": 10, "evaluate": 1}  # per round


def data() -> NextItem:
    """Makes the sequences to train on and to rank, of 51 items each."""
    shape = (SIZES["users"], SIZES["length"] + 1)
    item = np.random.default_rng(0).integers(0, SIZES["num_items"], shape).astype(np.int32)
    rows = Sequences(item, np.ones(shape, np.float32), np.ones(shape, bool), np.arange(shape[0]))
    popularity = np.bincount(item.reshape(-1), minlength=SIZES["num_items"]).astype(np.int32)
    return jax.device_put(NextItem(rows, (rows,), (np.full((shape[0], 1), -1, np.int32),), popularity))


def algorithm(targets: str):
    """Makes SASRec with a loss at `all` positions of a sequence or at `one`."""
    config = cross_entropy.defaults()
    config.update(width=SIZES["width"], batch_size=SIZES["batch_size"], targets=targets)
    config.encoder_options.num_layers = SIZES["num_layers"]
    return cross_entropy.make(config, SequencesSpec(SIZES["users"], SIZES["num_items"], SIZES["length"]))


def training(targets: str, log: NextItem):
    """Returns (function that runs a round of steps and returns its seconds, compile seconds)."""
    sasrec = algorithm(targets)
    keys, block = seed_keys(0, 1), make_block(sasrec.learner, sasrec.source)
    carry = [(jax.jit(jax.vmap(sasrec.learner.init))(keys), ())]

    def run() -> float:
        start = time.perf_counter()
        carry[0], metrics = block(carry[0], log, keys, STEPS["train"])
        jax.block_until_ready(metrics)
        return time.perf_counter() - start

    first = run()
    return run, max(first - run(), 0.0)


def ranking(last: bool, log: NextItem):
    """Returns (function that ranks the last position of every user, or every position, and returns its seconds; compile
    seconds)."""
    sasrec = algorithm("all")
    count = rankings.counter(*sasrec.ranker, num_items=SIZES["num_items"], ks=KS, last=last)
    params = jax.jit(sasrec.learner.init)(jax.random.key(0)).params

    def run() -> float:
        start = time.perf_counter()
        jax.block_until_ready(count(params, log.test[0], jnp.asarray(log.past[0])))
        return time.perf_counter() - start

    first = run()
    return run, max(first - run(), 0.0)


def ranking_flops(log: NextItem) -> float:
    """Returns the compiler's count of floating-point operations for ranking every user's last position in one batch."""
    sasrec = algorithm("all")
    count = rankings.counter(*sasrec.ranker, num_items=SIZES["num_items"], ks=KS, last=True, batch_size=SIZES["users"])
    params = jax.jit(sasrec.learner.init)(jax.random.key(0)).params
    return count.lower(params, log.test[0], jnp.asarray(log.past[0])).cost_analysis()["flops"]


def matmul() -> Callable[[], float]:
    """Returns a function that multiplies two square matrices of `MATMUL` rows and returns its seconds."""
    square = jnp.ones((MATMUL, MATMUL))
    product = jax.jit(jnp.matmul).lower(square, square).compile()

    def run() -> float:
        start = time.perf_counter()
        jax.block_until_ready(product(square, square))
        return time.perf_counter() - start

    return run


def compare(work: str, arguments: argparse.Namespace, runs: dict, flops: float = 0.0) -> None:
    """Reports jaxrec's runs beside the peer's.

    Args:
      work: train or evaluate. runs: name -> (function, compile seconds); the first does the same work as the peer.
      flops: floating-point operations of a call of the first, or 0.
    """
    mine = next(iter(runs))
    settings = {"work": work, "ks": list(KS), "threads": len(os.sched_getaffinity(0)), **SIZES}
    timed = {name: run for name, (run, _) in runs.items()}
    peer = connect("recbole_sasrec", arguments.peer_python, settings, STEPS[work], "torch, recbole")
    timed |= {"recbole": peer} if peer else {}
    times = in_turn(timed | ({"matmul": matmul()} if flops else {}), arguments.rounds, STEPS[work])
    product = times.pop("matmul", None)
    handled = SIZES["batch_size"] if work == "train" else SIZES["users"]
    unit = "sequences" if work == "train" else "users"
    fields = {f"{name}_{unit}_per_s": handled / statistics.median(values) for name, values in times.items()}
    if peer:
        ratio = lambda name: [a / b for a, b in zip(times["recbole"], times[name], strict=True)]  # noqa: E731
        fields["speedup"] = statistics.median(ratio(mine))
        if work == "evaluate":
            fields["speedup_per_place"] = SIZES["length"] * statistics.median(ratio("every_place"))
    if product:
        fields["gflop_per_s"] = flops / statistics.median(times[mine]) / 1e9
        fields["matmul_gflop_per_s"] = 2 * MATMUL**3 / statistics.median(product) / 1e9
    report(f"next_item_{work}", **fields, compile_s=runs[mine][1], **SIZES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out")
    arguments, log = parser.parse_args(), data()
    compare("train", arguments, {"one_place": training("one", log), "every_place": training("all", log)})
    ranked = {"last_place": ranking(True, log), "every_place": ranking(False, log)}
    compare("evaluate", arguments, ranked, ranking_flops(log))


if __name__ == "__main__":
    main()

"""How long does a Decision Transformer training step take, beside the same model on transformers' GPT-2 in PyTorch?

Width 128, 3 layers, T 20, batch 64, VirtualTB's sizes (features 91, actions 27), AdamW, clipping. Same loss, same
batch, same number of threads; the two take turns, so that other work on the machine slows both.

    python -m benchmarks.dt_training [--peer-python PYTHON] [--peer-compile] [--rounds 7] [--out FILE]

PYTHON is an interpreter with torch and transformers; without it this interpreter is tried, and the peer is left out
where that has none. On a shared machine `taskset -c 0` gives both one core, which makes the ratio steady.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

import jax

from benchmarks.peers import connect
from benchmarks.timing import in_turn, report
from jaxrec.algorithms.decision_transformer import dt, training_windows
from jaxrec.base.specs import TrajectoriesSpec

SPEC = TrajectoriesSpec(
    num_users=1, num_items=0, max_turn=100, observation_size=91, action_size=27, return_range=(0.0, 100.0)
)
STEPS = 10  # per round


def ours(config):
    """Returns (function that runs `STEPS` updates as one program and returns its seconds, compile seconds)."""
    algorithm = dt.make(config, SPEC)
    state = jax.jit(algorithm.learner.init)(jax.random.key(0))
    batch = jax.tree.map(
        lambda x: jax.numpy.repeat(x, config.batch_size, axis=0), training_windows.zero_windows(config, SPEC)
    )

    @jax.jit
    def train(state, batch, key):
        return jax.lax.scan(lambda s, k: algorithm.learner.update(s, batch, k), state, jax.random.split(key, STEPS))

    start = time.perf_counter()
    compiled = train.lower(state, batch, jax.random.key(0)).compile()
    compile_s = time.perf_counter() - start

    def run() -> float:
        start = time.perf_counter()
        jax.block_until_ready(compiled(state, batch, jax.random.key(1)))
        return time.perf_counter() - start

    return run, compile_s


def peer(config, interpreter: str, compiled: bool):
    """Returns the same function of the PyTorch peer; None where it cannot be imported."""
    names = ("width", "num_layers", "num_heads", "dropout", "context_length", "batch_size")
    settings = {name: config[name] for name in names} | {
        "max_turn": SPEC.max_turn,
        "observation_size": SPEC.observation_size,
        "action_size": SPEC.action_size,
        "threads": len(os.sched_getaffinity(0)),
        "device": "cpu" if jax.default_backend() == "cpu" else "cuda",
        "compile": compiled,
    }
    return connect("torch_dt", interpreter, settings, STEPS, "torch, transformers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--peer-compile", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    config = dt.defaults()
    mine, compile_s = ours(config)
    other = peer(config, arguments.peer_python, arguments.peer_compile)
    runs = {"jaxrec": mine} | ({"torch": other} if other else {})
    times = in_turn(runs, arguments.rounds, STEPS)
    fields = {f"{name}_step_s": statistics.median(values) for name, values in times.items()}
    if other:
        ratios = [t / j for t, j in zip(times["torch"], times["jaxrec"], strict=True)]
        fields |= {"speedup": statistics.median(ratios), "peer_compiled": arguments.peer_compile}
    windows = config.batch_size / fields["jaxrec_step_s"]
    report("dt_training_step", **fields, compile_s=compile_s, windows_per_s=windows, batch_size=config.batch_size)


if __name__ == "__main__":
    main()

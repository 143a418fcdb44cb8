"""How much sooner does an experiment end when the compiled programs of its first start are kept?

    python -m benchmarks.second_start --out benchmarks/results/<device>/second_start.json
    python -m benchmarks.second_start --rounds 1 --configs mdt4rec        # the default job, minutes

Each round begins without any compiled program on file, runs the command (the first start) and runs it again in another
workdir (the second start). Both are whole processes, from Python's start to the report, and both must measure the same
numbers, bit for bit. Reported are medians over the rounds of the elapsed seconds and of the seconds of all cores
together; on a machine with other work the latter say more.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import smoke_runs, timing


def start(config: str, workdir: Path, cache: Path) -> tuple[float, float]:
    """Runs one experiment; returns its elapsed seconds and the seconds of all cores."""
    file, _, variant = config.partition(":")
    named = f"configs/{file}.py" + f":{variant}" * bool(variant)
    command = [sys.executable, "-m", "jaxrec.main", f"--config={named}", f"--workdir={workdir}"]
    begun, used = time.perf_counter(), _core_seconds()
    subprocess.run([*command, f"--compilation_cache={cache}"], check=True, stdout=subprocess.DEVNULL, env=_clean())
    return time.perf_counter() - begun, _core_seconds() - used


def _core_seconds() -> float:
    """Returns the seconds that all cores have spent on ended child processes."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _clean() -> dict[str, str]:
    """Returns the environment variables without those of JAX's compilation cache."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("JAX_COMPILATION", "JAX_PERS"))}


def measure(config: str, rounds: int) -> dict[str, float]:
    """Times first and second starts of a config, in turn; returns medians, speedup and the size of what is kept.

    Raises:
      RuntimeError: the two starts of a round measured different numbers.
    """
    times: dict[str, list[float]] = {name: [] for name in ("first_s", "second_s", "first_core_s", "second_core_s")}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            first, second, cache = (Path(folder) / name for name in ("first", "second", "cache"))
            for name, workdir in (("first", first), ("second", second)):
                wall, cores = start(config, workdir, cache)
                times[f"{name}_s"].append(wall)
                times[f"{name}_core_s"].append(cores)
            if smoke_runs.numbers(first) != smoke_runs.numbers(second):
                raise RuntimeError(f"{config}: the second start measured other numbers than the first")
            kept = sum(path.stat().st_size for path in cache.rglob("*-cache"))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {**medians, "speedup": medians["first_s"] / medians["second_s"], "kept_mb": kept / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--configs", nargs="*", default=["mdt4rec:smoke", "next_item:smoke"], help="NAME or NAME:VARIANT"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", help="a file to append the lines to")
    arguments = parser.parse_args()
    for config in arguments.configs:
        timing.report("second_start", config=config, rounds=arguments.rounds, **measure(config, arguments.rounds))


if __name__ == "__main__":
    main()

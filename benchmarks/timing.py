"""What every benchmark shares: medians of repeats with the compile time apart, and one JSON line that names the device.

    figures = measure(step, state, batch, repeats=10)
    report("dt_train_step", **figures, samples_per_s=batch_size / figures["median_s"])

`--out FILE` on the command line appends the same line to a file (benchmarks/results/<device>/<name>.json by habit).
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax


def _timed(fn: Callable[..., Any], args: tuple[Any, ...]) -> float:
    """Returns the seconds of one call, its results awaited."""
    start = time.perf_counter()
    jax.block_until_ready(fn(*args))
    return time.perf_counter() - start


def measure(fn: Callable[..., Any], *args: Any, repeats: int = 10, warmup: int = 1) -> dict[str, float]:
    """Times calls of `fn(*args)`, results awaited.

    Returns median_s, min_s and max_s over `repeats` calls, and compile_s, the seconds of the first call beyond the
    median. `fn` is called with the same arguments again, so it must not donate them; it need not use jax.
    """
    first = _timed(fn, args)
    for _ in range(warmup):
        _timed(fn, args)
    times = [_timed(fn, args) for _ in range(repeats)]
    median = statistics.median(times)
    return {"median_s": median, "min_s": min(times), "max_s": max(times), "compile_s": max(first - median, 0.0)}


def in_turn(runs: Mapping[str, Callable[[], float]], rounds: int, steps: int) -> dict[str, list[float]]:
    """Returns name -> the seconds per step of each round.

    The runs take turns, round by round, so that other work on the machine slows all of them alike. One call of each
    before the first round is not counted.

    Args:
      runs: name -> function that runs `steps` steps and returns its seconds.
    """
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(run() / steps)
    return times


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """Returns what belongs to every figure: device, versions, cores, and the load of the machine."""
    device = jax.devices()[0]
    return {
        "device": device.device_kind if device.platform != "cpu" else _processor(),
        "platform": device.platform,
        "num_devices": jax.device_count(),
        "cpu_count": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
        "jax": jax.__version__,
        "python": platform.python_version(),
    }


def _out_file() -> str | None:
    """Returns the file that `--out` names on the command line."""
    for i, argument in enumerate(sys.argv):
        if argument == "--out" and i + 1 < len(sys.argv):
            return sys.argv[i + 1]
        if argument.startswith("--out="):
            return argument.removeprefix("--out=")
    return None


def report(name: str, **fields: Any) -> dict[str, Any]:
    """Prints one JSON line, floats to four digits, and appends it to the file of `--out` where one is named."""
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in fields.items()}
    row = {"name": name, **rounded, **machine()}
    line = json.dumps(row)
    print(line, flush=True)
    if (path := _out_file()) is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a") as file:
            file.write(line + "\n")
    return row

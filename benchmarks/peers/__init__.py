"""The other side of each comparison, in an interpreter of its own, with one line per question and per answer."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any


def connect(
    module: str, interpreter: str, settings: dict[str, Any], steps: int, requires: str
) -> Callable[[], float] | None:
    """`run() -> seconds of so many steps` of benchmarks/peers/<module>; None where `requires` cannot be imported."""
    if subprocess.run([interpreter, "-c", f"import {requires}"], capture_output=True).returncode:
        return None
    process = subprocess.Popen(
        [interpreter, "-m", f"benchmarks.peers.{module}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.stdin.write(json.dumps(settings) + "\n")

    def run() -> float:
        process.stdin.write(f"{steps}\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    return run


def serve(lines: Any, step: Callable[[], None], settle: Callable[[], None]) -> None:
    """The peer's side: for each number read, the seconds that so many steps take, `settle` included."""
    for line in lines:
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        settle()
        print(json.dumps(time.perf_counter() - start), flush=True)

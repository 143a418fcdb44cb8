"""Does a change of the code change any number? The smoke variant of every config, run before and after it.

    python -m benchmarks.smoke_runs run BEFORE                     # in the old checkout (or --checkout=FOLDER)
    python -m benchmarks.smoke_runs run AFTER                      # in the new one, on the same machine
    python -m benchmarks.smoke_runs compare BEFORE AFTER

`run` leaves one workdir for each config in the folder. `compare` compares the training metrics (metrics.jsonl) and the
results (every results.json) of two such folders bit for bit, prints what differs, and ends with exit code 1 where
anything does. Floating point depends on machine and versions, so both runs must be made with the same ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(into: Path, checkout: Path, names: list[str]) -> int:
    """Runs the smoke variants in turn; returns how many failed."""
    into.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in names or sorted(path.stem for path in (checkout / "configs").glob("*.py") if path.stem != "__init__"):
        command = [sys.executable, "-m", "jaxrec.main", f"--config=configs/{name}.py:smoke"]
        with (into / f"{name}.log").open("w", encoding="utf-8") as log:
            code = subprocess.run(
                [*command, f"--workdir={(into / name).absolute()}"], cwd=checkout, stdout=log, stderr=subprocess.STDOUT
            ).returncode
        print(f"{name}: {'done' if code == 0 else f'exit code {code}, see {into / name}.log'}", flush=True)
        failed += code != 0
    return failed


def numbers(workdir: Path) -> dict[str, Any]:
    """Returns 'stage, step or row, metric' -> value, of all that a run measured."""
    measured: dict[str, Any] = {}
    for line in (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for metric, values in row["seeds"].items():
            measured[f"{row['stage']} step {row['step']} {metric}"] = values
    for path in sorted(workdir.glob("*/results.json")):
        for row, metrics in json.loads(path.read_text(encoding="utf-8")).items():
            measured |= {f"{path.parent.name} {row} {metric}": values for metric, values in metrics.items()}
    return measured


def compare(before: Path, after: Path) -> int:
    """Prints what differs between two folders of runs; returns how many numbers do."""
    differing = 0
    names = {path.name for folder in (before, after) for path in folder.iterdir() if path.is_dir()}
    for name in sorted(names):
        if not ((before / name).is_dir() and (after / name).is_dir()):
            print(f"{name}: only in {before if (before / name).is_dir() else after}")
            differing += 1
            continue
        old, new = numbers(before / name), numbers(after / name)
        unequal = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
        print(f"{name}: {len(old.keys() | new.keys())} numbers, {len(unequal)} differ")
        for name in unequal[:10]:
            print(f"  {name}: {old.get(name)} -> {new.get(name)}")
        differing += len(unequal)
    return differing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run", help="run every config's smoke variant")
    runs.add_argument("into", type=Path)
    runs.add_argument("--checkout", type=Path, default=Path("."))
    runs.add_argument("--configs", nargs="*", default=[], help="names; all of them if not given")
    both = commands.add_parser("compare", help="compare two folders of runs")
    both.add_argument("before", type=Path)
    both.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "run":
        return 1 if run(arguments.into, arguments.checkout, arguments.configs) else 0
    return 1 if compare(arguments.before, arguments.after) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Tables of README.md, benchmarks/README.md and results/, made from stored results and never by hand.

    python -m benchmarks.table                      # fails if a committed table is not what its results give
    python -m benchmarks.table --write              # brings the tables up to date
    python -m benchmarks.table --record NAME WORKDIR --command "..." --seconds 150    # keeps a finished job's results

A table stands between `<!-- table:KIND -->` and `<!-- /table -->`. KIND is `benchmarks`, `job:NAME` or
`lead:NAME:ROW/OTHER:...`: how far rows of that job are ahead of others. A job with a paper's tables (its workdir has
tables.json) is kept as results/NAME.json, and results/NAME.md is made from that.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxrec.reporting import axes, comparison, figures, report, significance
from jaxrec.reporting.progress import duration, short
from jaxrec.reporting.tables import Table, by_mode, markdown, number, results_table

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
COMPARED = REPOSITORY / "results"
PICTURE = REPOSITORY / "docs" / "images" / "report.png"  # drawn from PICTURED, in its first modes
PICTURED, PICTURED_MODES = "mdt4rec_embedded", ("FB", "NX_0")
PAGES = (REPOSITORY / "README.md", REPOSITORY / "benchmarks" / "README.md")

_BLOCK = re.compile(r"(<!-- table:([\w:./-]+) -->\n).*?(<!-- /table -->)", re.S)
_MACHINE = ("device", "platform", "num_devices", "cpu_count", "load_1m", "jax", "python")
_TIMES = ("median_s", "min_s", "max_s", "compile_s")


def lines(results: Path = RESULTS) -> list[dict[str, Any]]:
    """Every benchmark line on file; of several of the same benchmark, options and device the last."""
    newest: dict[str, dict[str, Any]] = {}
    for path in sorted(results.rglob("*.json")):
        if path.parent.name == "jobs":
            continue
        for text in filter(str.strip, path.read_text().splitlines()):
            row = json.loads(text)
            newest[json.dumps([row["name"], _device(row), _options(row)], sort_keys=True)] = row
    return list(newest.values())


def _device(row: dict[str, Any]) -> str:
    if row["platform"] == "cpu":
        return f"{row['device']}, {row['cpu_count']} cores"
    return f"{row['num_devices']} x {row['device']}"


def _options(row: dict[str, Any]) -> dict[str, Any]:
    """What was asked for: words and whole numbers; what was measured is a float."""
    return {k: v for k, v in row.items() if k not in ("name", *_MACHINE) and not isinstance(v, float)}


def _figures(row: dict[str, Any]) -> str:
    measured = {k: v for k, v in row.items() if isinstance(v, float) and k not in (*_TIMES, *_MACHINE)}
    return ", ".join(f"{k.removesuffix('_per_s')} {short(v)}{'/s' * k.endswith('_per_s')}" for k, v in measured.items())


def _seconds(value: float | None) -> str:
    """Seconds with a unit that suits them."""
    if value is None:
        return "-"
    for limit, scale, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if value < limit:
            return f"{value * scale:.3g} {unit}"
    return duration(value)


def benchmarks(rows: Iterable[dict[str, Any]]) -> str:
    """One table per device: options, median of the repeats and their range, what follows from them, compile time."""
    devices: dict[str, list[tuple[str, ...]]] = {}
    for row in sorted(rows, key=lambda row: (_device(row), row["name"])):
        options = ", ".join(f"{k} {v:,}" if type(v) is int else f"{k} {v}" for k, v in _options(row).items())
        span = f"{_seconds(row.get('min_s'))} to {_seconds(row.get('max_s'))}"
        versions = f"jax {row['jax']}, Python {row['python']}, load {row['load_1m']}"
        times = (_seconds(row.get("median_s")), span, _seconds(row.get("compile_s")))
        devices.setdefault(_device(row), []).append((row["name"], options, _figures(row), *times, versions))
    columns = ("benchmark", "options", "figures", "median", "range", "compile", "with")
    made = {device: markdown(Table(columns, tuple(rows)), numbers=False) for device, rows in devices.items()}
    return "\n".join(f"**{device}**\n\n{text}" for device, text in made.items()) or "Not measured yet.\n"


def job(path: Path) -> str:
    """One table per evaluation mode of a recorded job, under the command and the machine."""
    if not path.exists():
        return "Not measured yet.\n"
    stored = json.loads(path.read_text())
    seeds = max(len(values) for metrics in stored["results"].values() for values in metrics.values())
    episodes = f" of {stored['num_episodes']} episodes" if stored["num_episodes"] else ""
    over = f"mean ± half width of the 95 % t interval over {seeds} seeds" if seeds > 1 else "one seed"
    head = (
        f"`{stored['command']}`: {duration(stored['wall_s'])} on {_device(stored)} (jax {stored['jax']}, Python "
        f"{stored['python']}); {over}{episodes}.\n"
    )
    published, logged = by_mode(stored["reference"]), by_mode(stored.get("logged", {}))
    tables = {
        mode: markdown(results_table(rows, reference=published.get(mode), logged=logged.get(mode)))
        for mode, rows in by_mode(stored["results"]).items()
    }
    return "\n".join([head, *(f"*{mode}*\n\n{table}" for mode, table in tables.items())])


def picture(path: Path) -> Figure:
    """Draws return against coverage of a recorded job, in the modes of the front page."""
    stored = json.loads(path.read_text())
    points = report.returns_and_coverages(stored["results"])
    logged = by_mode(stored.get("logged", {}))
    return report.coverage_figure({mode: points[mode] for mode in PICTURED_MODES}, logged)


def lead(path: Path, pairs: Iterable[str]) -> str:
    """For each 'ROW/OTHER': how far ROW is ahead in R_cumu, mode by mode, with Welch's 95 % interval over seeds."""
    if not path.exists():
        return "Not measured yet.\n"
    results = json.loads(path.read_text())["results"]
    modes = list(by_mode(results))
    rows = []
    for row, other in (pair.split("/") for pair in pairs):
        cells = [_ahead(*(np.asarray(results[name][f"{mode}/R_cumu"]) for name in (row, other))) for mode in modes]
        rows.append((row, other, *cells))
    return markdown(Table(("R_cumu of", "ahead of", *modes), tuple(rows)), numbers=False)


def _ahead(ours: np.ndarray, theirs: np.ndarray) -> str:
    low, high = map(number, significance.difference(ours, theirs))
    return f"{number(ours.mean() - theirs.mean())} ({low} to {high})"


def filled(page: str, results: Path = RESULTS) -> str:
    """The page with every marked table made anew."""

    def make(block: re.Match[str]) -> str:
        kind, _, name = block[2].partition(":")
        if kind == "benchmarks":
            return f"{block[1]}{benchmarks(lines(results))}{block[3]}"
        if kind == "job":
            return f"{block[1]}{job(results / 'jobs' / f'{name}.json')}{block[3]}"
        if kind == "lead":
            job_name, *pairs = name.split(":")
            return f"{block[1]}{lead(results / 'jobs' / f'{job_name}.json', pairs)}{block[3]}"
        raise ValueError(f"table:{block[2]} is neither table:benchmarks, table:job:NAME nor table:lead:NAME:ROW/OTHER")

    return _BLOCK.sub(make, page)


def record(name: str, workdir: Path, command: str, seconds: float, results: Path = RESULTS) -> Path:
    """Keeps what the one evaluate stage of a finished workdir found, with the machine that this runs on."""
    from benchmarks.timing import machine

    config = json.loads((workdir / "config.json").read_text())
    (stage,) = (s for s in config["order"] if config["stages"][s]["kind"] == "evaluate")
    found = json.loads((workdir / stage / "results.json").read_text())
    scalars = {
        policy: {name: values for name, values in found[policy].items() if "/histogram/" not in name}
        for policy in config["stages"][stage]["policies"]
    }
    names = ("FB/R_cumu", "FB/R_avg", "FB/Length")
    about = {s: json.loads((workdir / s / "done.json").read_text()) for s in config["order"]}
    logs = [s for s in config["order"] if config["stages"][s]["kind"] == "collect"]
    kept = {
        "command": command,
        "wall_s": seconds,
        "stage_s": {s: about[s]["seconds"] for s in config["order"]},
        "num_episodes": config["stages"][stage]["num_episodes"],
        "reference": {m: dict(zip(names, row, strict=True)) for m, row in config["reference"].items()},
        "logged": {log: report.log_means(about[log]["kinds"].values()) for log in logs},
        "results": scalars,
        **machine(),
    }
    path = results / "jobs" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")
    return path


def record_tables(name: str, workdir: Path, command: str, seconds: float, compared: Path = COMPARED) -> Path:
    """Keeps a paper's tables from a finished workdir."""
    stored = json.loads((workdir / "tables.json").read_text()) | {"command": command, "wall_s": seconds}
    compared.mkdir(parents=True, exist_ok=True)
    path = compared / f"{name}.json"
    path.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
    return path


def compared_page(path: Path) -> str:
    """results/NAME.md from results/NAME.json."""
    stored = json.loads(path.read_text())
    where = ", ".join(f"{what} {found}" for what, found in stored["machine"].items())
    episodes = f" of {stored['num_episodes']} episodes" if stored["num_episodes"] else ""
    head = (
        f"`{stored['command']}`: {duration(stored['wall_s'])} ({where}). Mean ± half width of the 95 % t interval over "
        f"{stored['num_seeds']} seeds{episodes}."
    )
    return comparison.page(stored, (head,), path.stem)


def pages(results: Path = RESULTS, compared: Path = COMPARED) -> dict[Path, str]:
    """Every page with tables, as it must be."""
    made = {path.with_suffix(".md"): compared_page(path) for path in sorted(compared.glob("*.json"))}
    written = [page for page in (*PAGES, *sorted(compared.glob("*.md"))) if page not in made]
    return {page: filled(page.read_text(), results) for page in written} | made


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="bring tables and pictures up to date")
    parser.add_argument("--record", nargs=2, metavar=("NAME", "WORKDIR"), help="keep a finished job's results")
    parser.add_argument("--command", default="", help="the command that made the workdir")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long it took, compile included")
    given = parser.parse_args(arguments)
    if given.record:
        keep = record_tables if (Path(given.record[1]) / "tables.json").exists() else record
        print(keep(given.record[0], Path(given.record[1]), given.command, given.seconds))
    stale = {page: text for page, text in pages().items() if not page.exists() or page.read_text() != text}
    if given.write:
        for path in sorted(COMPARED.glob("*.json")):
            figures.save(json.loads(path.read_text()), path.with_suffix(""))
        axes.save(picture(RESULTS / "jobs" / f"{PICTURED}.json"), PICTURE)
    for page, text in stale.items():
        if given.write:
            page.write_text(text)
        print(f"{page.relative_to(REPOSITORY)} {'written' if given.write else 'is stale; run with --write'}")
    return int(bool(stale) and not given.write)


if __name__ == "__main__":
    sys.exit(main())

"""Tables of README.md, benchmarks/README.md and results/, made from stored results and never by hand.

    python -m benchmarks.table                      # fails if a committed table is not what its results give
    python -m benchmarks.table --write              # brings the tables up to date
    python -m benchmarks.table --record NAME WORKDIR --command "..." --seconds 150    # keeps a finished job's results

A table stands between `<!-- table:KIND -->` and `<!-- /table -->`. KIND is `benchmarks` (one table for each question of
benchmarks/questions.py), `job:NAME` (a table for each mode), `job:NAME:MODE` (that mode alone)
or `lead:NAME:ROW/OTHER:...`: how far rows of that job are ahead of others. `bare:NAME` is `job:NAME` without the
paper's rows, for a job in another setting than the paper's. A job with a paper's tables (its workdir has
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

from matplotlib.figure import Figure

from benchmarks import questions
from jaxrec.base import checksums
from jaxrec.reporting import axes, comparison, figures, leads, report
from jaxrec.reporting.progress import duration
from jaxrec.reporting.tables import Table, by_mode, markdown, number, results_table

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
COMPARED = REPOSITORY / "results"
PICTURE = REPOSITORY / "docs" / "images" / "report.png"  # drawn from PICTURED, in its first modes
PICTURED, PICTURED_MODES = "mdt4rec_embedded", ("FB", "NX_0")
PAGES = (REPOSITORY / "README.md", REPOSITORY / "benchmarks" / "README.md")

_BLOCK = re.compile(r"(<!-- table:([\w:./-]+) -->\n).*?(<!-- /table -->)", re.S)
_MACHINE = ("device", "platform", "num_devices", "cpu_count", "load_1m", "jax", "python")


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
    """Returns the options of a line: words and whole numbers; what was measured is a float."""
    return {k: v for k, v in row.items() if k not in ("name", *_MACHINE) and not isinstance(v, float)}


def benchmarks(rows: Iterable[dict[str, Any]]) -> str:
    """Per device one table for each question: jaxrec, the peer, their ratio, and how steady the figures are."""
    by_device: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_device.setdefault(_device(row), []).append(row)
    parts = [_device_tables(device, by_device[device]) for device in sorted(by_device)]
    return "\n".join(parts) or "Not measured yet.\n"


def _device_tables(device: str, rows: list[dict[str, Any]]) -> str:
    """Every question that was measured on the device, in the order of `questions.QUESTIONS`."""
    unasked = sorted({row["name"] for row in rows if not any(q.matches(row) for q in questions.QUESTIONS)})
    if unasked:
        raise ValueError(f"benchmarks {unasked} answer no question; add one to benchmarks/questions.py")
    parts = [f"**{device}**\n"]
    for question in questions.QUESTIONS:
        lines = [row for row in rows if question.matches(row)]
        answered = [(answer, row) for row in lines if (answer := question.answer(row))]
        if answered:
            parts.append(_question(question, answered))
    return "\n".join(parts)


def _question(question: questions.Question, answered: list[tuple[questions.Answer, dict[str, Any]]]) -> str:
    """Title, explanation and table; without the columns that no line fills."""
    columns = ("case", "jaxrec", "peer", "ratio", "range", "compile")
    cells = [(*answer, _range(row), _compile(row)) for answer, row in answered]
    kept = [n for n in range(len(columns)) if any(row[n] != "-" for row in cells)]
    shown = Table(tuple(columns[n] for n in kept), tuple(tuple(row[n] for n in kept) for row in cells))
    made_with = sorted({f"jax {row['jax']}, Python {row['python']}" for _, row in answered})
    loads = sorted(row["load_1m"] for _, row in answered)
    load = f"load {loads[0]}" if len(set(loads)) == 1 else f"load {loads[0]} to {loads[-1]}"
    about = f"{question.about} ({'; '.join(made_with)}; {load}.)"
    return f"### {question.title}\n\n{about}\n\n{markdown(shown, numbers=False)}"


def _range(row: dict[str, Any]) -> str:
    """From the fastest to the slowest repeat."""
    if "min_s" not in row:
        return "-"
    return f"{questions.seconds(row['min_s'])} to {questions.seconds(row['max_s'])}"


def _compile(row: dict[str, Any]) -> str:
    """The time that compiling took; what runs on the host compiles nothing."""
    return questions.seconds(row["compile_s"]) if row.get("compile_s", 0.0) > 1e-3 else "-"


def job(path: Path, only: str = "", *, published: bool = True) -> str:
    """One table per evaluation mode of a recorded job, or of that mode only, under the command and the machine.

    Args:
      published: show the paper's rows, too.
    """
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
    reference, logged = by_mode(stored["reference"] if published else {}), by_mode(stored.get("logged", {}))
    tables = {
        mode: markdown(results_table(rows, reference=reference.get(mode), logged=logged.get(mode)))
        for mode, rows in by_mode(stored["results"]).items()
    }
    if only:
        return f"{head}\n{tables[only]}"
    return "\n".join([head, *(f"*{mode}*\n\n{table}" for mode, table in tables.items())])


def picture(path: Path) -> Figure:
    """Draws return against coverage of a recorded job, in the modes of the front page."""
    stored = json.loads(path.read_text())
    points = report.returns_and_coverages(stored["results"])
    logged = by_mode(stored.get("logged", {}))
    return report.coverage_figure({mode: points[mode] for mode in PICTURED_MODES}, logged)


def lead(path: Path, pairs: Iterable[str]) -> str:
    """For each 'ROW/OTHER': how far ROW is ahead in R_cumu, mode by mode, with `leads.lead`'s 95 % interval."""
    if not path.exists():
        return "Not measured yet.\n"
    stored = json.loads(path.read_text())
    results, modes = stored["results"], list(by_mode(stored["results"]))
    rows = []
    for row, other in (pair.split("/") for pair in pairs):
        measured = [{name: results[name][f"{mode}/R_cumu"] for name in (row, other)} for mode in modes]
        paired = stored["num_episodes"] > 0  # seed s of every row met the same users
        cells = [_ahead(leads.lead(returns, "R_cumu", row, other, paired_seeds=paired)) for returns in measured]
        rows.append((row, other, *cells))
    return markdown(Table(("R_cumu of", "ahead of", *modes), tuple(rows)), numbers=False)


def _ahead(lead: leads.Lead) -> str:
    return f"{number(lead.ahead)} ({number(lead.low)} to {number(lead.high)})"


def filled(page: str, results: Path = RESULTS) -> str:
    """The page with every marked table made anew."""

    def make(block: re.Match[str]) -> str:
        kind, _, name = block[2].partition(":")
        if kind == "benchmarks":
            return f"{block[1]}{benchmarks(lines(results))}{block[3]}"
        if kind == "job":
            job_name, _, mode = name.partition(":")
            return f"{block[1]}{job(results / 'jobs' / f'{job_name}.json', mode)}{block[3]}"
        if kind == "bare":
            return f"{block[1]}{job(results / 'jobs' / f'{name}.json', published=False)}{block[3]}"
        if kind == "lead":
            job_name, *pairs = name.split(":")
            return f"{block[1]}{lead(results / 'jobs' / f'{job_name}.json', pairs)}{block[3]}"
        kinds = "table:benchmarks, table:job:NAME, table:bare:NAME nor table:lead:NAME:ROW/OTHER"
        raise ValueError(f"table:{block[2]} is neither {kinds}")

    return _BLOCK.sub(make, page)


def record(name: str, workdir: Path, command: str, seconds: float, results: Path = RESULTS) -> Path:
    """Keeps what the one evaluate stage of a finished workdir found, with the machine that this runs on."""
    from benchmarks.timing import machine

    again = "run its command again"
    config = checksums.read(workdir / "config.json", again)
    about = {s: checksums.finished(workdir / s, f"delete that folder and {again}") for s in config["order"]}
    (stage,) = (s for s in config["order"] if config["stages"][s]["kind"] == "evaluate")
    found = json.loads((workdir / stage / "results.json").read_text())
    scalars = {
        policy: {name: values for name, values in found[policy].items() if "/histogram/" not in name}
        for policy in config["stages"][stage]["policies"]
    }
    names = ("FB/R_cumu", "FB/R_avg", "FB/Length")
    logs = [s for s in config["order"] if config["stages"][s]["kind"] == "collect"]
    kept = {
        "command": command,
        "wall_s": seconds,
        "stage_s": {s: about[s]["seconds"] for s in config["order"]},
        "num_episodes": config["stages"][stage]["evaluator"].get("num_episodes", 0),
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
    written, made = paths(compared)
    filled_in = {page: filled(page.read_text(), results) for page in written}
    return filled_in | {page: compared_page(page.with_suffix(".json")) for page in made}


def paths(compared: Path = COMPARED) -> tuple[list[Path], list[Path]]:
    """The pages that are written and hold tables between markers, and those that are made from a JSON file whole."""
    made = [path.with_suffix(".md") for path in sorted(compared.glob("*.json"))]
    return [page for page in (*PAGES, *sorted(compared.glob("*.md"))) if page not in made], made


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="bring tables and pictures up to date")
    parser.add_argument("--record", nargs=2, metavar=("NAME", "WORKDIR"), help="keep a finished job's results")
    parser.add_argument("--command", default="", help="the command that made the workdir")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long it took, compile included")
    options = parser.parse_args(arguments)
    if options.record:
        keep = record_tables if (Path(options.record[1]) / "tables.json").exists() else record
        print(keep(options.record[0], Path(options.record[1]), options.command, options.seconds))
    stale = {page: text for page, text in pages().items() if not page.exists() or page.read_text() != text}
    if options.write:
        for path in sorted(COMPARED.glob("*.json")):
            figures.save(json.loads(path.read_text()), path.with_suffix(""))
        axes.save(picture(RESULTS / "jobs" / f"{PICTURED}.json"), PICTURE)
    for page, text in stale.items():
        if options.write:
            page.write_text(text)
        print(f"{page.relative_to(REPOSITORY)} {'written' if options.write else 'is stale; run with --write'}")
    return int(bool(stale) and not options.write)


if __name__ == "__main__":
    sys.exit(main())

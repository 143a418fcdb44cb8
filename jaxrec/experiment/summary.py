"""From the finished stages of a workdir to its report and the tables printed at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import facts, inference, watching
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import write_json, write_text
from jaxrec.reporting import comparison, figures, report, significance
from jaxrec.reporting.tables import console
from jaxrec.reporting.writer import FILE, curve, gather, read_metrics
from jaxrec.training import processes

# metric -> objective with its unit. Losses of two algorithms are two objectives: {algorithm} keeps them apart.
_CURVES = {
    "rollout/R_avg": "reward per step in training (reward)",
    "prediction/perplexity": "perplexity of the training batch (tokens)",
    "loss/total": "loss of {algorithm} (sum of its terms)",
}
_HISTOGRAM = "/histogram/"


def write(resources: Resources) -> str:
    """Writes metrics.jsonl and report.md with its plots; returns the tables, one per mode, for the console."""
    config = resources.config
    if processes.is_first():
        gather(resources.workdir, config.order)
    evaluations = [name for name in config.order if config.stages[name].kind == "evaluate"]
    texts = []
    for name in evaluations:
        made = _report(resources, name)
        if processes.is_first():
            report.write(resources.workdir if len(evaluations) == 1 else resources.folder(name).path, made)
        texts += [f"{mode}\n{console(table)}" for mode, table in report.tables(made).items()]
    if config.tables or config.figures:
        check_metrics(config, made.results)
    if config.tables:
        compared = _compared(resources, made, evaluations[-1])
        write_json(resources.workdir / "tables.json", compared)
        write_text(resources.workdir / "tables.md", comparison.page(compared))
        if processes.is_first():
            figures.save(compared, resources.workdir)
        texts.append(f"tables: {resources.workdir / 'tables.md'}")
    return "\n".join([*texts, f"report: {resources.workdir / 'report.md'}"])


def check_metrics(config: ConfigDict, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Every metric that a table leads in or a figure draws was measured.

    Raises:
      JaxrecError: it was not; the stages are kept, and the same command with other names needs no training.
    """
    wanted = {f"tables.{name}.lead": [f"{t.mode}/{metric}" for metric in t.lead] for name, t in config.tables.items()}
    wanted |= {f"figures.{name}.metrics": list(figure.metrics) for name, figure in config.figures.items()}
    measured = sorted({metric for metrics in results.values() for metric in metrics})
    for leaf, metrics in wanted.items():
        for metric in metrics:
            if metric not in measured:
                raise JaxrecError(
                    f"{leaf} asks for {metric!r}, which the last evaluation has not measured: set it (or the table's "
                    f"mode) to some of {measured} and run the same command again, which trains nothing"
                )


def _report(resources: Resources, name: str) -> report.Report:
    config, stage = resources.config, resources.config.stages[name]
    stored = json.loads((resources.artifact(name) / "results.json").read_text())
    results = {
        policy: {metric: np.asarray(values) for metric, values in metrics.items() if _HISTOGRAM not in metric}
        for policy, metrics in ((policy, stored[policy]) for policy in stage.policies)
    }
    return report.Report(
        title=f"{config.name} on {_data_name(config)}",
        results=results,
        reference={method: _reference(row) for method, row in config.reference.items()},
        logged=facts.logged_means(resources),
        baselines=[policy for policy in stage.policies if facts.is_baseline(config, policy)],
        learned_from={policy: facts.learned_from(config, policy) for policy in stage.policies},
        lead=_lead(config),
        paired_seeds=facts.same_draws_for_all(config, name),
        sessions=significance.read(resources.artifact(name) / significance.FILE),
        num_episodes=stage.evaluator.get("num_episodes", 0),
        curves=_curves(resources, stage.policies),
        sweeps={title: rest for title, *rest in _sweeps(resources, name).values()},
        lengths=_lengths(stored, stage.evaluator.modes[0]) if "modes" in stage.evaluator else {},
        training=facts.learned_from_options(config, stage.on),
        test=facts.dataset_options(config, stage.on),
        config=config.to_dict(),
        changed=facts.changed_options(config),
        speed={n: _speed(resources.folder(n).about()) for n in config.order},
        notes=_notes(resources, stage),
    )


def _notes(resources: Resources, stage: ConfigDict) -> tuple[str, ...]:
    """Sentences about where the numbers come from: the paper, the data, what was asked for, what was chosen."""
    config, policies = resources.config, stage.policies
    said = (*facts.of_datasets(resources), *inference.notes(config, policies), *watching.notes(resources, policies))
    return tuple(filter(None, (config.paper, *said)))


def _compared(resources: Resources, made: report.Report, evaluation: str) -> dict[str, Any]:
    """Every table and figure of the config, from the rows of the last evaluation, as plain data."""
    config, compared = resources.config, {}
    for name in sorted(config.tables):
        table = config.tables[name]
        compared[name] = comparison.compare(
            table.title,
            table.leader,
            {row: made.results[row] for row in table.rows},
            {row: dict(zip(table.columns, table.published[row], strict=True)) for row in table.rows
             if row in table.published},
            {row: resources.folder(row).about()["seconds"] for row in table.rows},
            mode=table.mode, lead=table.lead, shown=table.shown, paired_seeds=made.paired_seeds, sessions=made.sessions,
        )  # fmt: skip
    about = {"machine": report.machine(), "num_episodes": made.num_episodes, "num_seeds": config.num_seeds}
    return {"title": made.title, "notes": [*made.notes, *config.notes], "tables": compared, **about} | _drawn(
        resources, made, evaluation
    )


def _drawn(resources: Resources, made: report.Report, evaluation: str) -> dict[str, Any]:
    """What `figures.draw` takes; beside a sweep stand the other rows of the first table."""
    config = resources.config
    across = {
        name: figures.across(
            figure.title, dict(zip(figure.rows, figure.labels, strict=True)), figure.metrics, made.results,
            xlabel=figure.xlabel, baseline=figure.baseline,
        )
        for name, figure in sorted(config.figures.items())
    }  # fmt: skip
    first = config.tables[min(config.tables)].rows
    swept = {}
    for name, (title, option, asked, points) in _sweeps(resources, evaluation).items():
        others = {row: made.results[row] for row in first if row not in points}
        swept[name] = figures.swept(title, option, asked, points, others)
    return {"figures": across, "sweeps": swept}


def _data_name(config: Any) -> str:
    return config.data.name or next((dataset.get("name", name) for name, dataset in config.datasets.items()), "")


def _reference(row: tuple[float, float, float] | Mapping[str, float]) -> dict[str, float]:
    """Of a row's three numbers in mode FB, or of what it says of each 'mode/metric'."""
    if not isinstance(row, tuple | list):
        return dict(row)
    return dict(zip(("FB/R_cumu", "FB/R_avg", "FB/Length"), row, strict=True))


def _curves(resources: Resources, policies: Sequence[str]) -> dict[str, dict[str, Any]]:
    kept = [resources.artifact(name) / FILE for name in policies]
    rows = [line for path in kept if path.exists() for line in read_metrics(path)]
    curves: dict[str, dict[str, Any]] = {}
    for metric, objective in _CURVES.items():
        for name in policies:
            steps, values = curve(rows, name, metric)
            if len(steps) > 1:
                algorithm = resources.config.stages[name].algorithm.name
                curves.setdefault(objective.format(algorithm=algorithm), {})[name] = (steps, values)
    return curves


def _lead(config: ConfigDict) -> str:
    """'mode/metric' that the first table of a paper compares its rows in; '' where the config has none."""
    first = config.tables[min(config.tables)] if config.tables else None
    return f"{first.mode}/{first.lead[0]}" if first else ""


def _lengths(stored: dict[str, Any], mode: str) -> dict[str, np.ndarray]:
    key = f"{mode}{_HISTOGRAM}history_length"
    return {policy: np.sum(metrics[key], axis=0) for policy, metrics in stored.items() if key in metrics}


def _sweeps(resources: Resources, name: str) -> dict[str, tuple[str, str, float | None, Any]]:
    """Sweep -> (title, option, the value that is asked for, policy -> [(value, metrics)])."""
    path, config, found = resources.artifact(name) / "sweeps.json", resources.config, {}
    swept = json.loads(path.read_text()) if path.exists() else {}
    for sweep, wanted in config.sweeps.items():
        points = {policy: swept[policy][sweep] for policy in wanted.policies if sweep in swept.get(policy, {})}
        if points:
            found[sweep] = (wanted.title or sweep, wanted.option, config.inference.get(wanted.option), points)
    return found


def _speed(about: dict[str, Any]) -> str:
    return ", ".join(filter(None, (f"{about['seconds']:.1f} s", about.get("speed"))))

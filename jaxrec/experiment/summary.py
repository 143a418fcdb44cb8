"""From the finished stages of a workdir to its report and the tables printed at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxrec import defaults
from jaxrec.experiment import inference
from jaxrec.experiment.artifacts import write_json, write_text
from jaxrec.experiment.context import Context, inputs
from jaxrec.reporting import comparison, figures, report, significance
from jaxrec.reporting.tables import console
from jaxrec.reporting.writer import curve, read_metrics
from jaxrec.training import processes

# metric -> objective with its unit. Losses of two algorithms are two objectives: {algorithm} keeps them apart.
_CURVES = {
    "rollout/R_avg": "reward per step in training (reward)",
    "prediction/perplexity": "perplexity of the training batch (tokens)",
    "loss/total": "loss of {algorithm} (sum of its terms)",
}
_HISTOGRAM = "/histogram/"


def write(context: Context) -> str:
    """Writes report.md with its plots; returns the tables, one per mode, for the console."""
    config = context.config
    stages = [name for name in config.order if config.stages[name].kind == "evaluate"]
    texts = []
    for name in stages:
        made = _report(context, name)
        if processes.is_first():
            report.write(context.workdir if len(stages) == 1 else context.folder(name).path, made)
        texts += [f"{mode}\n{console(table)}" for mode, table in report.tables(made).items()]
    if config.tables:
        compared = _compared(context, made, stages[-1])
        write_json(context.workdir / "tables.json", compared)
        write_text(context.workdir / "tables.md", comparison.page(compared))
        if processes.is_first():
            figures.save(compared, context.workdir)
        texts.append(f"tables: {context.workdir / 'tables.md'}")
    return "\n".join([*texts, f"report: {context.workdir / 'report.md'}"])


def _report(context: Context, name: str) -> report.Report:
    config, stage = context.config, context.config.stages[name]
    stored = json.loads((context.folder(name).path / "results.json").read_text())
    results = {
        policy: {metric: np.asarray(values) for metric, values in metrics.items() if _HISTOGRAM not in metric}
        for policy, metrics in ((policy, stored[policy]) for policy in stage.policies)
    }
    return report.Report(
        title=f"{config.name} on {_data_name(config)}",
        results=results,
        reference={method: _reference(row) for method, row in config.reference.items()},
        logged=_logged(context),
        baselines=[policy for policy in stage.policies if _is_baseline(config.stages[policy])],
        learned_from={policy: _learned_from(config, policy) for policy in stage.policies},
        lead=_lead(config),
        paired_seeds=bool(stage.modes),  # `evaluating.run` plays every policy with the same keys
        sessions=significance.read(context.folder(name).path / significance.FILE),
        num_episodes=stage.num_episodes,
        curves=_curves(context, stage.policies),
        sweeps={title: rest for title, *rest in _sweeps(context, name).values()},
        lengths=_lengths(stored, stage.modes[0]) if stage.modes else {},
        training=_facts(context, _training_environment(config)),
        test=_facts(context, stage.environment),
        config=config.to_dict(),
        changed=_changed(config),
        speed={n: _speed(context.folder(n).about()) for n in config.order},
        notes=tuple(filter(None, (config.paper, *_data_notes(context), *inference.notes(config, stage.policies)))),
    )


def _compared(context: Context, made: report.Report, evaluation: str) -> dict[str, Any]:
    """Every table and figure of the config, from the rows of the last evaluation, as plain data."""
    config, compared = context.config, {}
    sessions = significance.read(context.folder(evaluation).path / significance.FILE)
    for name in sorted(config.tables):
        table = config.tables[name]
        compared[name] = comparison.compare(
            table.title,
            table.leader,
            {row: made.results[row] for row in table.rows},
            {row: dict(zip(table.columns, table.published[row], strict=True)) for row in table.rows
             if row in table.published},
            {row: context.folder(row).about()["seconds"] for row in table.rows},
            mode=table.mode, lead=table.lead, shown=table.shown, sessions=sessions,
        )  # fmt: skip
    about = {"machine": report.machine(), "num_episodes": made.num_episodes, "num_seeds": config.num_seeds}
    return {"title": made.title, "notes": [*made.notes, *config.notes], "tables": compared, **about} | _drawn(
        context, made, evaluation
    )


def _drawn(context: Context, made: report.Report, evaluation: str) -> dict[str, Any]:
    """What `figures.draw` takes; beside a sweep stand the other rows of the first table."""
    config = context.config
    across = {
        name: figures.across(
            figure.title, dict(zip(figure.rows, figure.labels, strict=True)), figure.metrics, made.results,
            xlabel=figure.xlabel, baseline=figure.baseline,
        )
        for name, figure in sorted(config.figures.items())
    }  # fmt: skip
    first = config.tables[min(config.tables)].rows
    swept = {}
    for name, (title, option, asked, points) in _sweeps(context, evaluation).items():
        others = {row: made.results[row] for row in first if row not in points}
        swept[name] = figures.swept(title, option, asked, points, others)
    return {"figures": across, "sweeps": swept}


def sequence_facts(context: Context) -> list[str]:
    """In words, how much of the log is in each sequences that the stages use, and what was published of the same."""
    config, found = context.config, {}
    used = {name for stage in config.order for name in inputs(config, stage) if name in config.sequences}
    for name in sorted(used):
        counts = context.sequences(name)[1].counts
        found.setdefault(_counted(counts, config.sequences[name].published), []).append(name)
    names = {said: f" {', '.join(alike)}" if len(found) > 1 else "" for said, alike in found.items()}
    return [f"Sequences{names[said]}: {said}." for said in found]


def _counted(counts: Mapping[str, int], published: Mapping[str, Any]) -> str:
    theirs = {name: published[name] for name in counts if name in published}
    shown = [n for n in counts if n in theirs or n != "users" or counts["users"] != counts["sessions"]]
    ours = ", ".join(f"{counts[name]:,} {name}" for name in shown)
    if not theirs:
        return ours
    differing = ", ".join(f"{number:,} {name}" for name, number in theirs.items() if number != counts[name])
    return f"{ours}; {published['source']} has {differing or 'the same'}"


def _data_name(config: Any) -> str:
    environments = [environment.name for environment in config.environments.values()]
    return next(iter([*filter(None, [config.data.name]), *environments, *config.texts]), "")


def _reference(row: tuple[float, float, float] | Mapping[str, float]) -> dict[str, float]:
    """Of a row's three numbers in mode FB, or of what it says of each 'mode/metric'."""
    if not isinstance(row, tuple | list):
        return dict(row)
    return dict(zip(("FB/R_cumu", "FB/R_avg", "FB/Length"), row, strict=True))


def _curves(context: Context, policies: Sequence[str]) -> dict[str, dict[str, Any]]:
    path = context.workdir / "metrics.jsonl"
    rows = read_metrics(path) if path.exists() else []
    curves: dict[str, dict[str, Any]] = {}
    for metric, objective in _CURVES.items():
        for name in policies:
            steps, values = curve(rows, name, metric)
            if len(steps) > 1:
                algorithm = context.config.stages[name].algorithm.name
                curves.setdefault(objective.format(algorithm=algorithm), {})[name] = (steps, values)
    return curves


def _is_baseline(stage: ConfigDict) -> bool:
    """Whether a fit stage trains nothing: a fixed rule, a count, or an untrained model."""
    started_elsewhere = stage.get("params_of", "") or stage.init_from
    return stage.algorithm.name.startswith("static.") or (not stage.num_steps and not started_elsewhere)


def _learned_from(config: ConfigDict, policy: str) -> str:
    """In words, what a policy learned from."""
    stage = config.stages[config.stages[policy].get("params_of", "") or policy]
    if _is_baseline(stage):
        return "not trained"
    if stage.data in config.environments:
        return f"trained online in environment `{stage.data}`"
    if stage.data in config.stages:
        return f"trained on the log `{stage.data}` alone"
    return f"trained on `{stage.data}`"


def _lead(config: ConfigDict) -> str:
    """'mode/metric' that the first table of a paper compares its rows in; '' where the config has none."""
    first = config.tables[min(config.tables)] if config.tables else None
    return f"{first.mode}/{first.lead[0]}" if first else ""


def _logged(context: Context) -> dict[str, dict[str, float]]:
    """Behaviour log -> 'FB/metric' -> the mean over its episodes, which are of training users."""
    logs = [name for name in context.config.order if context.config.stages[name].kind == "collect"]
    return {name: report.log_means(context.folder(name).about()["kinds"].values()) for name in logs}


def _changed(config: ConfigDict) -> dict[str, tuple[Any, Any]]:
    """Algorithm option in full -> (default, value), of those options of fit stages that are not at their defaults."""
    changed = {}
    for name in config.order:
        stage = config.stages[name]
        if stage.kind == "fit":
            before = report.flat(defaults.algorithm(stage.algorithm.name).to_dict())
            for option, value in report.flat(stage.algorithm.to_dict()).items():
                if before.get(option) != value:
                    changed[f"stages.{name}.algorithm.{option}"] = (before.get(option), value)
    return changed


def _lengths(stored: dict[str, Any], mode: str) -> dict[str, np.ndarray]:
    key = f"{mode}{_HISTOGRAM}history_length"
    return {policy: np.sum(metrics[key], axis=0) for policy, metrics in stored.items() if key in metrics}


def _sweeps(context: Context, name: str) -> dict[str, tuple[str, str, float | None, Any]]:
    """Sweep -> (title, option, the value that is asked for, policy -> [(value, metrics)])."""
    path, config, found = context.folder(name).path / "sweeps.json", context.config, {}
    swept = json.loads(path.read_text()) if path.exists() else {}
    for sweep, wanted in config.sweeps.items():
        points = {policy: swept[policy][sweep] for policy in wanted.policies if sweep in swept.get(policy, {})}
        if points:
            found[sweep] = (wanted.title or sweep, wanted.option, config.inference.get(wanted.option), points)
    return found


def _training_environment(config: Any) -> str | None:
    used = [n for name in config.order if config.stages[name].kind != "evaluate" for n in inputs(config, name)]
    return next((name for name in used if name in config.environments), None)


def _facts(context: Context, name: str | None) -> dict[str, Any]:
    return report.flat(context.config.environments[name].to_dict()) if name in context.config.environments else {}


def _speed(about: dict[str, Any]) -> str:
    return ", ".join(filter(None, (f"{about['seconds']:.1f} s", about.get("speed"))))


def _data_notes(context: Context) -> list[str]:
    notes = sequence_facts(context)
    for name in context.config.order:
        if context.config.stages[name].kind == "collect":
            kinds = context.folder(name).about()["kinds"]
            parts = [
                f"{k['episodes']} {kind} (a step random with probability {k['random_step_probability']}; mean return "
                f"{k['mean_return']:.4g} over {k['mean_length']:.3g} steps)"
                for kind, k in kinds.items()
            ]
            notes.append(f"Behaviour log `{name}`: episodes {', '.join(parts)}.")
    return notes

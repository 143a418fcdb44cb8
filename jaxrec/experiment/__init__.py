"""Experiments are stages: `run` makes what is missing in a workdir and returns the tables of its evaluations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxrec.experiment import artifacts, collecting, evaluating, fitting, preflight, summary
from jaxrec.experiment.context import Context
from jaxrec.reporting.progress import Progress
from jaxrec.training import processes
from jaxrec.training.loop import Stopped

_KINDS: dict[str, Callable[[Context, str, Progress], dict[str, Any]]] = {
    "fit": fitting.run,
    "collect": collecting.run,
    "evaluate": evaluating.run,
}


def run(config: ConfigDict, workdir: Path, stop_requested: Callable[[], bool] = lambda: False) -> str:
    """Runs every stage that is not finished as configured, writes report.md and returns its tables as text.

    Raises:
      JaxrecError: a mistake in config, data or workdir; nothing half-written is left.
      Stopped: `stop_requested()` turned true; the same call goes on from there.
    """
    context = Context(config, workdir, stop_requested)
    preflight.check(context)
    progress = Progress(enabled=processes.is_first())
    for fact in summary.sequence_facts(context):
        progress.say(fact)
    with artifacts.locked(workdir):
        artifacts.write_json(workdir / "config.json", config.to_dict())
        for number, name in enumerate(config.order, start=1):
            if any(processes.any_wants(stop_requested())):
                raise Stopped(f"stopped before stage {name}")
            _run_stage(context, number, name, progress)
        return summary.write(context)


def _run_stage(context: Context, number: int, name: str, progress: Progress) -> None:
    stage, folder = context.config.stages[name], context.folder(name)
    if folder.open():
        progress.stage(number, len(context.config.order), name, "done before")
        return
    progress.stage(number, len(context.config.order), name, _describe(stage))
    folder.finish(_KINDS[stage.kind](context, name, progress))


def _describe(stage: ConfigDict) -> str:
    if "params_of" in stage:
        return f"{stage.algorithm.name} with the parameters of {stage.params_of}"
    if stage.kind == "fit":
        return f"fit {stage.algorithm.name} on {stage.data}, {stage.num_steps:,} steps"
    if stage.kind == "collect":
        return f"collect {stage.num_episodes:,} episodes of {stage.policy} in {stage.environment}"
    modes = f", modes {', '.join(stage.modes)}" if stage.modes else ""
    return f"evaluate {len(stage.policies)} policies in {stage.environment}{modes}"

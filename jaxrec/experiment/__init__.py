"""Experiments are stages: `run` makes what is missing in a workdir and returns the tables of its evaluations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ml_collections import ConfigDict

from jaxrec.experiment import facts, preflight, stages, store, summary
from jaxrec.experiment.resources import Resources
from jaxrec.reporting.progress import Progress
from jaxrec.training import orbax_paths, processes
from jaxrec.training.loop import Stopped


def run(config: ConfigDict, workdir: Path, stop_requested: Callable[[], bool] = lambda: False) -> str:
    """Runs every stage that is not finished as configured, writes report.md and returns its tables as text.

    Raises:
      JaxrecError: a mistake in config, data or workdir, or a damaged file there; nothing half-written is left.
      Stopped: `stop_requested()` turned true; the same call goes on from there.
    """
    resources = Resources(config, workdir, stop_requested)
    orbax_paths.check(workdir)
    preflight.check(resources)
    progress = Progress(enabled=processes.is_first())
    for fact in facts.of_datasets(resources, before_any_stage=True):
        progress.say(fact)
    with store.locked(workdir):
        store.remove_parts(workdir, config.order)
        store.write_checked(workdir / "config.json", config.to_dict())
        for number, name in enumerate(config.order, start=1):
            if any(processes.any_wants(stop_requested())):
                raise Stopped(f"stopped before stage {name}")
            _run_stage(resources, number, name, progress)
        return summary.write(resources)


def _run_stage(resources: Resources, number: int, name: str, progress: Progress) -> None:
    stage, folder = resources.config.stages[name], resources.folder(name)
    kind = stages.load(stage.kind)
    done, why = folder.open()
    if done:
        resources.artifact(name)  # no damaged file is shown or learned from
    progress.stage(number, len(resources.config.order), name, "done before" if done else kind.describe(stage))
    if why:
        progress.say(f"  {name} is not as it was: {why}")
    if not done:
        folder.finish(kind.run(resources, name, progress))

"""The `fit` stage: train an algorithm on a dataset, from where it stands."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec import algorithms
from jaxrec.base import files, ranges
from jaxrec.base.checksums import DONE
from jaxrec.base.contracts import Algorithm
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import graph, grid, kinds, starts, watching
from jaxrec.experiment.resources import AlgorithmInputs, Fitted, Resources
from jaxrec.experiment.store import CHECKPOINTS, fingerprint, remedy
from jaxrec.reporting import writer
from jaxrec.reporting.progress import Progress
from jaxrec.training import loop, processes, sharding
from jaxrec.training.checkpoint import Checkpoints

PRODUCES = ""
LEAVES_MODEL = True
GROWS = "num_steps"
EXPORT = "export"  # the folder inside the stage's for what other programs read
RANGES = {
    "data": ranges.TEXT,
    "beside.*": ranges.TEXT,
    "num_seeds": ranges.WHOLE,
    "num_steps": ranges.WHOLE,
    "steps_per_call": ranges.COUNT,
    "start_from": ranges.TEXT,
    "start_roles": ranges.TEXTS,
    **ranges.under("watch", watching.RANGES),
    **ranges.under("grid", grid.RANGES),
}
_NAMES = ("kind", "data", "beside", "start_from", "steps_per_call", "watch", "num_seeds")  # no part of the recipe


def ranges_of(stage: ConfigDict) -> Mapping[str, ranges.Range]:
    return {**RANGES, **ranges.under("algorithm", algorithms.ranges_of(stage.algorithm.name))}


def inputs(config: ConfigDict, name: str) -> list[str]:
    stage = config.stages[name]
    watched = [stage.watch.on] if stage.watch else []
    return [stage.data, *stage.beside.values(), *models(config, name), *watched]


def models(config: ConfigDict, name: str) -> list[str]:
    start = config.stages[name].start_from
    return [*filter(None, [backbone_stage(config, name)]), *([start] if start in config.stages else [])]


def backbone_stage(config: ConfigDict, name: str) -> str:
    """The fit stage whose language model a fit stage's algorithm stands on; '' where that is a folder, or none."""
    backbone = config.stages[name].algorithm.get("backbone", "")
    return backbone if backbone in config.stages else ""


def describe(stage: ConfigDict) -> str:
    if starts.shares_params(stage):
        return f"{stage.algorithm.name} with the parameters of {stage.start_from}"
    start = f", starting from {stage.start_from}" if stage.start_from else ""
    tried = f" for each of {len(grid.points(stage))} settings" if stage.grid else ""
    return f"fit {stage.algorithm.name} on {stage.data}, {stage.num_steps:,} steps{tried}{start}"


def options(resources: Resources, name: str) -> dict[str, Any]:
    stage = resources.config.stages[name].to_dict()
    watch = {f"watch.{leaf}": value for leaf, value in stage["watch"].items() if leaf != "on"}
    kept = {leaf: value for leaf, value in stage.items() if leaf not in _NAMES}
    kept["algorithm"].pop("backbone", None)  # its content counts, not its place
    return kept | watch | {"seed": resources.config.seed, "num_seeds": resources.num_seeds(name)}


def contents(resources: Resources, name: str) -> dict[str, str]:
    config, stage = resources.config, resources.config.stages[name]
    found = {role: resources.content(given).learned for role, given in {"data": stage.data, **stage.beside}.items()}
    if backbone := stage.algorithm.get("backbone", ""):
        own = backbone in config.stages
        found["backbone"] = resources.stage_fingerprint(backbone) if own else _folder_print(Path(backbone))
    if stage.start_from:
        own = stage.start_from in config.stages
        found["start"] = resources.stage_fingerprint(stage.start_from) if own else starts.recorded(stage.start_from)
    if stage.watch:
        found["what watches it"] = resources.content(stage.watch.on).measured
    return found


def _folder_print(folder: Path) -> str:
    """A fingerprint of all files of a language model's folder."""
    found = sorted(file for file in folder.rglob("*") if file.is_file())
    return fingerprint([(str(file.relative_to(folder)), files.checksum(file)) for file in found])


def algorithm_inputs(resources: Resources, name: str, spec_of: Callable[[str], Any]) -> AlgorithmInputs:
    """What the stage's algorithm is made of.

    Args:
      spec_of: dataset -> its spec, as it stands or as far as it is known before any stage has run.

    Raises:
      JaxrecError: a dataset that cannot stand beside another.
    """
    config, stage = resources.config, resources.config.stages[name]
    beside = {role: _role(config, given).value(spec_of(given)) for role, given in stage.beside.items()}
    options, backbone = stage.algorithm, backbone_stage(config, name)
    if backbone:
        options = stage.algorithm.copy_and_resolve_references()
        folder = starts.params_folder(resources, backbone)
        # Before the language model is trained, what does not depend on it can be checked.
        trained = (folder / DONE).exists()
        options.backbone = str(resources.checked(folder, remedy(folder)) / EXPORT) if trained else ""
    return AlgorithmInputs(options, spec_of(stage.data), beside)


def _role(config: ConfigDict, name: str) -> kinds.Beside:
    """How the dataset `name` stands beside the data of a stage."""
    kind = graph.kind_of(config, name)
    beside = kinds.load(kind).BESIDE
    if beside is None:
        raise JaxrecError(f"{name!r} is a dataset of kind {kind!r}, which cannot stand beside the data of a stage")
    return beside


def data_of(resources: Resources, name: str) -> Any:
    """What the source draws from: the stage's data, or a dict by role where datasets beside it are drawn from too."""
    stage = resources.config.stages[name]
    data = resources.dataset(stage.data).data
    drawn = {role: given for role, given in stage.beside.items() if _role(resources.config, given).drawn}
    return {"log": data} | {role: resources.dataset(given).data for role, given in drawn.items()} if drawn else data


def check(resources: Resources, name: str) -> None:
    """Data, options and start of the stage.

    Raises:
      JaxrecError: the first mistake found.
    """
    stage = resources.config.stages[name]
    try:
        algorithm = resources.algorithm(name)
        if algorithm.learner is None:
            raise JaxrecError(f"{stage.algorithm.name} is counted, not trained: make it an estimate stage")
        if stage.start_roles and not stage.start_from:
            raise JaxrecError("start_roles says what is taken of start_from, which names nothing")
        if stage.start_from:
            starts.check(resources, name, algorithm)
        if stage.watch:
            watching.check(resources, name, algorithm)
        grid.check(stage, algorithm_inputs(resources, name, resources.spec))
    except JaxrecError as error:
        raise JaxrecError(f"stage {name!r}: {error}") from error


class Trained(NamedTuple):
    """What the training of one point of the grid, or of a stage without one, left.

    Attributes:
      state: the final learner state. seconds: of training. rate: steps per second.
      kept: what a watched fit kept, for the stage's record.
    """

    point: grid.Point
    algorithm: Algorithm
    state: Any
    seconds: float
    rate: float
    kept: dict[str, Any]


def run(resources: Resources, name: str, progress: Progress) -> dict[str, Any]:
    """Trains stage `name` from where it stands and leaves its parameters in its folder."""
    stage, folder = resources.config.stages[name], resources.folder(name).path
    began = time.monotonic()
    made_of = algorithm_inputs(resources, name, lambda given: resources.dataset(given).spec)
    num_seeds = resources.num_seeds(name)
    facts = {
        "num_seeds": num_seeds,
        "catalogue": starts.catalogue(made_of.spec),
        "spec": starts.in_record(made_of.spec),
    }
    if starts.shares_params(stage):
        params_in = os.path.relpath(starts.params_folder(resources, name), folder)
        return {"seconds": time.monotonic() - began, "params_in": params_in, **facts}
    best, tried = _best(resources, name, made_of, progress)
    Checkpoints(folder / "params", keep=1).save(stage.num_steps, best.state.params)
    if best.algorithm.export and processes.is_first():
        best.algorithm.export(jax.tree.map(lambda leaf: leaf[0], best.state.params), folder / EXPORT)
    size = sum(leaf.size for leaf in jax.tree.leaves(best.state.params)) // num_seeds
    speed = f"{best.rate:.3g} steps/s of {num_seeds} seed{'s' * (num_seeds != 1)} at once, {size:,} parameters each"
    chosen = {"chosen": dict(best.point.options), "grid": tried} if stage.grid else {}
    return {"seconds": sum(point["seconds"] for point in tried), "speed": speed, **facts, **best.kept, **chosen}


def _best(
    resources: Resources, name: str, made_of: AlgorithmInputs, progress: Progress
) -> tuple[Trained, list[dict[str, Any]]]:
    """Trains every point of the grid; returns the one of the best score, and what is recorded of each."""
    stage, best, tried = resources.config.stages[name], None, []
    for point in grid.points(stage):
        trained = _train(resources, name, point, grid.at(made_of, point).make(), progress)
        tried.append({"options": dict(point.options), "seconds": trained.seconds, **trained.kept.get("watched", {})})
        if best is None or grid.score(stage.watch, trained.kept) > grid.score(stage.watch, best.kept):
            best = trained
    if best.point.name and processes.is_first():
        writer.adopt(resources.workdir, name, best.point.name)
    return best, tried


def _train(resources: Resources, name: str, point: grid.Point, algorithm: Algorithm, progress: Progress) -> Trained:
    """Trains one point of the grid."""
    config, stage = resources.config, resources.config.stages[name]
    learner, label = algorithm.learner, "/".join(filter(None, (name, point.name)))
    if stage.start_from:
        learner, said = starts.starting(resources, name, learner)
        progress.say(f"  {said}")
    if point.options:
        progress.say(f"  {label}: {', '.join(f'{option} {value}' for option, value in point.options.items())}")
    with contextlib.ExitStack() as stack:
        shown: dict[str, Any] = {}

        def on_start(step: int) -> None:
            shown["bar"] = stack.enter_context(progress.bar(label, stage.num_steps, initial=step))
            metrics = writer.MetricsWriter(
                resources.workdir, label, first_step=step, stages=config.order, report=progress.say,
                enabled=processes.is_first(),
            )  # fmt: skip
            shown["writer"] = stack.enter_context(metrics)

        def on_metrics(step: int, metrics: Mapping[str, np.ndarray]) -> None:
            means = shown["writer"].write(step, metrics)
            told = {metric: means[metric] for metric in ("loss/total", "rollout/R_avg") if metric in means}
            shown["bar"].done(step, told)

        def write(step: int, metrics: Mapping[str, np.ndarray]) -> None:
            shown["writer"].write(step, metrics)

        watched = watching.Watched(resources, name, algorithm, write) if stage.watch else None
        state = loop.fit(
            learner,
            algorithm.source,
            data_of(resources, name),
            num_steps=stage.num_steps,
            steps_per_call=stage.steps_per_call,
            seed=config.seed,
            num_seeds=resources.num_seeds(name),
            mesh=resources.mesh,
            rules=config.sharding,
            checkpoints=Checkpoints(resources.folder(name).path / CHECKPOINTS / point.name, report=progress.say),
            checkpoint_seconds=config.checkpoint_seconds,
            on_start=on_start,
            on_metrics=on_metrics,
            stop_requested=resources.stop_requested,
            **(watched.options() if watched else {}),
        )
        kept = watched.kept if watched else {}
        return Trained(point, algorithm, state, shown["bar"].elapsed(), shown["bar"].rate(), kept)


def read(resources: Resources, name: str) -> Fitted:
    """The algorithm with the parameters that the stage left."""
    made_of = algorithm_inputs(resources, name, lambda given: resources.dataset(given).spec)
    chosen = grid.Point("", resources.folder(name).about().get("chosen", {}))
    algorithm, spec = grid.at(made_of, chosen).make(), made_of.spec
    keys = jax.random.split(jax.random.key(0), resources.num_seeds(name))
    template = jax.eval_shape(jax.vmap(algorithm.learner.init), keys).params
    placed = sharding.shardings(template, resources.mesh, resources.config.sharding, leading=1)
    template = jax.tree.map(lambda x, s: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=s), template, placed)
    return Fitted(algorithm, starts.read_params(resources, starts.params_folder(resources, name), template), spec)

"""What a report says of an experiment beside its results: what rows learned from, what differs, what was changed."""

from __future__ import annotations

from typing import Any

from ml_collections import ConfigDict

from jaxrec.base.leaves import flat
from jaxrec.config import declare
from jaxrec.experiment import graph, kinds, stages
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.stages import evaluate
from jaxrec.reporting import report


def of_datasets(resources: Resources, *, before_any_stage: bool = False) -> list[str]:
    """Sentences about the datasets that the stages use, each once.

    Args:
      before_any_stage: leaves out what stages have yet to make.
    """
    config = resources.config
    used = dict.fromkeys(name for stage in config.order for name in _datasets_read(config, stage))
    names = [name for name in used if not before_any_stage or name in config.datasets]
    said = [fact for name in names for fact in kinds.load(graph.kind_of(config, name)).facts(resources, name)]
    return list(dict.fromkeys(said))


def _datasets_read(config: ConfigDict, stage: str) -> list[str]:
    """The datasets among the inputs of a stage."""
    read = stages.load(config.stages[stage].kind).inputs(config, stage)
    return [name for name in read if graph.is_dataset(config, name)]


def is_baseline(config: ConfigDict, policy: str) -> bool:
    """Whether nothing was trained for a row: a fixed rule, a count, or an untrained model."""
    stage = config.stages[policy]
    return stage.kind == "estimate" or not (stage.num_steps or stage.start_from)


def learned_from(config: ConfigDict, policy: str) -> str:
    """In words, what the model of a row learned from."""
    if is_baseline(config, policy):
        return "not trained"
    stage = config.stages[policy]
    if not stage.num_steps and stage.start_from in config.stages:
        return learned_from(config, stage.start_from)
    return kinds.load(graph.kind_of(config, stage.data)).ORIGIN.format(stage.data)


def learned_from_options(config: ConfigDict, on: str) -> dict[str, Any]:
    """The options of the first dataset of the same kind that a stage learns from, to be held against those of `on`."""
    learning = [stage for stage in config.order if config.stages[stage].kind != "evaluate"]
    read = [name for stage in learning for name in _datasets_read(config, stage) if name in config.datasets]
    alike = [name for name in read if graph.kind_of(config, name) == graph.kind_of(config, on)]
    return dataset_options(config, alike[0]) if alike else {}


def dataset_options(config: ConfigDict, name: str) -> dict[str, Any]:
    """The options of a dataset by their dotted names."""
    return flat(config.datasets[name])


def logged_means(resources: Resources) -> dict[str, dict[str, float]]:
    """Behaviour log -> 'FB/metric' -> the mean over its episodes, which are of training users."""
    logs = [name for name in resources.config.order if resources.config.stages[name].kind == "collect"]
    return {name: report.log_means(resources.folder(name).about()["kinds"].values()) for name in logs}


def same_draws_for_all(config: ConfigDict, evaluation: str) -> bool:
    """Whether an evaluation draws, and then draws the same for every row: seeds can be compared in pairs."""
    return evaluate.evaluator_module(config, evaluation).DRAWS


def changed_options(config: ConfigDict) -> dict[str, tuple[Any, Any]]:
    """Algorithm option in full -> (default, value), of the options of stages that are not at their defaults."""
    changed = {}
    for name in config.order:
        stage = config.stages[name]
        if "algorithm" in stage:
            before = flat(declare.algorithm(stage.algorithm.name))
            now = flat(stage.algorithm).items()
            differing = {option: value for option, value in now if before.get(option) != value}
            changed |= {f"stages.{name}.algorithm.{o}": (before.get(o), value) for o, value in differing.items()}
    return changed

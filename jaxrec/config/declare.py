"""The datasets and stages that a config is made of, with every option in its place so that flags can set it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from jaxrec.base import registry
from jaxrec.base.errors import JaxrecError


def options_of(module: ModuleType, name: str, overrides: Mapping[str, Any]) -> ConfigDict:
    """The `defaults()` of a file with some of them changed, and the file's name as `name`.

    Args:
      overrides: option -> value; `optimizer__clip_norm` reaches inside the options under `optimizer`.

    Raises:
      JaxrecError: the file has no such option.
    """
    config = module.defaults()
    config.lock()
    for option, value in overrides.items():
        node, last = config, option
        while "__" in last:
            head, last = last.split("__", 1)
            node = node[head]
        if last not in node:
            raise JaxrecError(f"{module.__name__} has no option {option!r}; it has {sorted(config)}")
        node[last] = value
    with config.unlocked():
        config.name = name
    return config


def algorithm(name: str, **overrides: Any) -> ConfigDict:
    """The options of algorithms/<family>/<file>.py, named 'family.file'; `optimizer__clip_norm=1.0` reaches inside."""
    return options_of(registry.resolve("jaxrec.algorithms", name, "def make(", "algorithm"), name, overrides)


def dataset(kind: str, *arguments: Any, **options: Any) -> ConfigDict:
    """A dataset of a kind, a file of experiment/kinds: 'ratings', 'sequences', 'text' or 'environment'.

    Args:
      arguments, options: what the kind's own `options` takes.
    """
    module = registry.resolve("jaxrec.experiment.kinds", kind, "def options(", "kind of dataset")
    config = module.options(*arguments, **options)
    with config.unlocked():
        config.kind = kind
    return config


def fit(
    name: str,
    data: str,
    *,
    num_steps: int,
    steps_per_call: int = 100,
    num_seeds: int = 0,
    beside: Mapping[str, str] | None = None,
    start_from: str = "",
    start_roles: Sequence[str] = (),
    watch: ConfigDict | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    **overrides: Any,
) -> ConfigDict:
    """A stage that trains an algorithm.

    Args:
      name: 'family.file' of the algorithm.
      data: the dataset it learns from: one of config.datasets (an environment: online), a collect stage's log
        (offline), or a transform stage's annotations.
      num_steps: steps of the loop, each an update or a round of several (`num_updates`, epochs), steps_per_call of them
        per dispatch. 0 leaves the parameters as they start. More steps than a finished stage had are added to it.
      num_seeds: 0 for the experiment's.
      beside: role -> dataset that comes with the data, as the algorithm's `make` names the roles: a `text` for a
        language loss, annotations as `vectors`.
      start_from: a fit stage of this run, or the folder of a finished one of another run, whose parameters to start
        from: seed by seed where both have as many seeds, else all from its first seed.
      start_roles: the roles of the parameters to take from there; none takes all, which then must all fit.
      watch: see `watch`; None trains all steps and keeps the last parameters.
      grid: option -> values, options named as overrides are (`optimizer__learning_rate`): every combination is trained
        on all seeds, and the one of the best watched score, in the mean over seeds, is kept. Options of a grid change
        no parameter's shape.
      overrides: of the algorithm's options.
    """
    return ConfigDict(
        {
            "kind": "fit",
            "algorithm": algorithm(name, **overrides),
            "data": data,
            "beside": dict(beside or {}),
            "num_seeds": num_seeds,
            "num_steps": num_steps,
            "steps_per_call": steps_per_call,
            "start_from": start_from,
            "start_roles": tuple(start_roles),
            "watch": watch or ConfigDict(),
            "grid": {option: tuple(values) for option, values in (grid or {}).items()},
        }
    )


def watch(on: str, metric: str, *, every: int, patience: int = 0, higher_is_better: bool = True) -> ConfigDict:
    """What a fit is watched by: the best parameters by a metric on validation data are kept, one rule for all rows.

    Args:
      on: a dataset that no evaluation of the experiment measures on.
      metric: 'mode/metric' of its evaluator.
      every: steps between two measurements, a multiple of steps_per_call.
      patience: measurements without an improvement, of every seed, after which training ends; 0 never ends early.
    """
    return ConfigDict(
        {"on": on, "metric": metric, "every": every, "patience": patience, "higher_is_better": higher_is_better}
    )


def same_params(fitted: ConfigDict, stage: str, **changes: Any) -> ConfigDict:
    """A fit stage that trains nothing: the algorithm of the stage `fitted` with changes that no training sees (how it
    searches, what it asks for), on the parameters that the stage named `stage` leaves, all seeds of it."""
    config = fitted.copy_and_resolve_references()
    config.algorithm.update(changes)
    config.num_steps, config.start_from = 0, stage
    config.watch, config.grid = ConfigDict(), ConfigDict()
    return config


def estimate(name: str, data: str, **overrides: Any) -> ConfigDict:
    """A stage that counts an algorithm's parameters instead of training them.

    Args:
      name: 'family.file' of the algorithm.
      data: the environment it will act in, whose facts of items are counted beside the log.
      overrides: of the algorithm's options.
    """
    return ConfigDict({"kind": "estimate", "algorithm": algorithm(name, **overrides), "data": data})


def collect(policy: str, on: str, *, num_episodes: int, mixture: dict[str, tuple[float, float]]) -> ConfigDict:
    """A stage that logs episodes of a fitted policy (all its seeds in equal parts); a dataset of trajectories.

    Args:
      policy: the stage that fitted it. on: the environment.
      mixture: kind of episode -> (share of the episodes, probability that a step is uniformly random instead).
    """
    return ConfigDict({"kind": "collect", "policy": policy, "on": on, "num_episodes": num_episodes, "mixture": mixture})


def transform(model: str, *names: str, seed: int = 0, rows_per_shard: int = 4096) -> ConfigDict:
    """A stage that keeps what a fitted model says of every row of something; a dataset of annotations.

    Args:
      model: the fit stage.
      names: of the algorithm's transforms, each an array of the annotations.
      seed: whose parameters speak, for annotations are one world for all seeds.
      rows_per_shard: rows annotated by one call and written as one file; a stopped stage goes on at the next.
    """
    return ConfigDict(
        {"kind": "transform", "model": model, "names": tuple(names), "seed": seed, "rows_per_shard": rows_per_shard}
    )


def evaluate(policies: Sequence[str], on: str, by: str, **options: Any) -> ConfigDict:
    """A stage that measures fitted models on a dataset, all seeds, and writes the tables and plots.

    Args:
      policies: the stages that fitted them.
      on: the dataset: an environment, sequences, a text.
      by: how, a file of evaluation/: 'episodes', 'rankings', 'perplexity'.
      options: of that evaluator.
    """
    evaluator = registry.resolve("jaxrec.evaluation", by, "def make(", "evaluator")
    config = options_of(evaluator, by, options)
    return ConfigDict({"kind": "evaluate", "policies": tuple(policies), "on": on, "evaluator": config})

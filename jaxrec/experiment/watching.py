"""A fit that is watched: its best parameters by a metric on validation data are kept, by one rule for all stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges, registry
from jaxrec.base.contracts import Algorithm, Array, Evaluator, MeasureSeed, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import graph, kinds
from jaxrec.experiment.resources import Resources
from jaxrec.training import loop
from jaxrec.training import watch as watches

RANGES = {
    "on": ranges.TEXT,
    "metric": ranges.TEXT,
    "every": ranges.COUNT,
    "patience": ranges.WHOLE,
    "higher_is_better": ranges.SWITCH,
}


def check(resources: Resources, name: str, algorithm: Algorithm) -> None:
    """The metric can be measured, and on nothing that an evaluation of this experiment measures on.

    Raises:
      JaxrecError: it can not.
    """
    config, watch = resources.config, resources.config.stages[name].watch
    watches.check(watch, config.stages[name].steps_per_call)
    tested = [stage for stage in config.order if config.stages[stage].kind == "evaluate"]
    for stage in tested:
        if _same_data(config, config.stages[stage].on, watch.on):
            raise JaxrecError(
                f"watch.on {watch.on!r} is what stage {stage!r} measures on: choosing by it would be choosing by the "
                "test data; name a dataset held out for validation"
            )
    kinds.load(graph.kind_of(config, watch.on)).check_policy(config, watch.on, name)
    evaluator = _evaluator(resources, name)
    evaluator.check(algorithm, name)
    if not graph.stages_behind(config, watch.on):
        _check_metric(resources, name, evaluator.measure(algorithm), algorithm)


def _check_metric(resources: Resources, name: str, measure: MeasureSeed, algorithm: Algorithm) -> None:
    """Traces a measurement, without computing it, to see what it is called."""
    watch, key = resources.config.stages[name].watch, jax.random.key(0)
    params = jax.eval_shape(algorithm.learner.init, key).params
    metrics = jax.eval_shape(measure, params, resources.measured_on(watch.on, name).data, key).metrics
    if watch.metric not in metrics:
        raise JaxrecError(f"watch.metric {watch.metric!r} is none of {sorted(metrics)}")


def _same_data(config: ConfigDict, one: str, other: str) -> bool:
    """Whether models measured on the two datasets meet the same rows or users."""
    if one == other or not (one in config.datasets and other in config.datasets):
        return one == other
    first, second = config.datasets[one], config.datasets[other]
    return first.kind == second.kind and kinds.load(first.kind).measures_alike(first, second)


def _evaluator(resources: Resources, name: str) -> Evaluator:
    """The first evaluator of the kind of dataset that watches, with its defaults."""
    watch = resources.config.stages[name].watch
    allowed = kinds.load(graph.kind_of(resources.config, watch.on)).EVALUATORS
    if not allowed:
        raise JaxrecError(f"watch.on {watch.on!r} is a dataset that nothing is measured on")
    module = registry.resolve("jaxrec.evaluation", allowed[0], "def make(", "evaluator")
    return module.make(module.defaults(), resources.spec(watch.on))


def notes(resources: Resources, policies: Sequence[str]) -> list[str]:
    """Which step's parameters each watched fit kept and what it chose of its grid, in sentences for the report."""
    said = []
    for name in policies:
        about = resources.folder(name).about()
        if kept := about.get("watched"):
            steps = ", ".join(f"{step:,}" for step in kept["best_step"])
            on = resources.config.stages[name].watch.on
            said.append(
                f"`{name}` kept the parameters of the best {kept['metric']} on `{on}`, of step {steps} by seed."
            )
        if chosen := about.get("chosen"):
            options = ", ".join(f"{option} {value}" for option, value in chosen.items())
            said.append(f"`{name}` chose {options} of {len(about['grid'])} settings by the same score.")
    return said


class Watched:
    """How `loop.fit` watches stage `name`, and what it kept in the end.

    Args:
      write: told (step, {name: float32 [S]}) of each measurement.
    """

    def __init__(
        self, resources: Resources, name: str, algorithm: Algorithm, write: Callable[[int, Mapping[str, Any]], Any]
    ):
        self._watch, self._write = resources.config.stages[name].watch, write
        measure, metric = _evaluator(resources, name).measure(algorithm), self._watch.metric
        self._data = resources.measured_on(self._watch.on, name).data
        self._key = jax.random.key(resources.config.seed + 3)
        of_seeds = jax.vmap(lambda params, data, key: measure(params, data, key).metrics[metric], (0, None, None))
        self._score = jax.jit(of_seeds)
        self.kept: dict[str, Any] = {}  # for the stage's record

    def _measure(self, params: Params) -> Array:
        return self._score(params, self._data, self._key)

    def options(self) -> dict[str, Any]:
        """Arguments of `loop.fit`."""
        watch = self._watch
        rule = loop.Watch(self._measure, watch.every, watch.patience, watch.higher_is_better)
        return {"watch": rule, "on_watch": self._on_watch, "on_best": self._on_best}

    def _on_watch(self, step: int, scores: np.ndarray) -> None:
        self._write(step, {f"watch/{self._watch.metric}": scores})

    def _on_best(self, step: np.ndarray, score: np.ndarray) -> None:
        self.kept = {"watched": {"metric": self._watch.metric, "best_step": step, "best": score}}

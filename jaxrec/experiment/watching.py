"""A fit that is watched: its best parameters by a metric on validation data are kept, by one rule for all stages."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges, registry
from jaxrec.base.contracts import Algorithm, Evaluator, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import graph, kinds
from jaxrec.experiment.resources import Resources
from jaxrec.training import loop

_RANGES = {"every": ranges.COUNT, "patience": ranges.WHOLE}


def check(resources: Resources, name: str, algorithm: Algorithm) -> None:
    """The metric can be measured, and on nothing that an evaluation of this experiment measures on.

    Raises:
      JaxrecError: it can not.
    """
    config, watch = resources.config, resources.config.stages[name].watch
    ranges.check("watch.", watch, _RANGES)
    tested = [stage for stage in config.order if config.stages[stage].kind == "evaluate"]
    for stage in tested:
        if _same_data(config, config.stages[stage].on, watch.on):
            raise JaxrecError(
                f"watch.on {watch.on!r} is what stage {stage!r} measures on: choosing by it would be choosing by the "
                "test data; name a dataset held out for validation"
            )
    _evaluator(resources, name).check(algorithm, name)


def _same_data(config: ConfigDict, one: str, other: str) -> bool:
    """Whether two names stand for the same dataset, or for two of the same options."""
    if one == other:
        return True
    both = one in config.datasets and other in config.datasets
    return both and config.datasets[one].to_dict() == config.datasets[other].to_dict()


def _evaluator(resources: Resources, name: str) -> Evaluator:
    """The first evaluator of the kind of dataset that watches, with its defaults."""
    watch = resources.config.stages[name].watch
    allowed = kinds.load(graph.kind_of(resources.config, watch.on)).EVALUATORS
    if not allowed:
        raise JaxrecError(f"watch.on {watch.on!r} is a dataset that nothing is measured on")
    module = registry.resolve("jaxrec.evaluation", allowed[0], "def make(", "evaluator")
    return module.make(module.defaults(), resources.spec(watch.on))


class Watched:
    """What `loop.fit` needs to watch stage `name`, and what it kept."""

    def __init__(self, resources: Resources, name: str, algorithm: Algorithm):
        self._watch, self._scores = resources.config.stages[name].watch, {}
        measure = _evaluator(resources, name).measure(algorithm)
        self._data = resources.measured_on(self._watch.on, name).data
        self._key = jax.random.key(resources.config.seed + 3)
        self._score = jax.jit(
            jax.vmap(lambda params, data, key: self._metric(measure(params, data, key)), (0, None, None))
        )

    def _metric(self, measured: Any) -> Any:
        if self._watch.metric not in measured.metrics:
            raise JaxrecError(f"watch.metric {self._watch.metric!r} is none of {sorted(measured.metrics)}")
        return measured.metrics[self._watch.metric]

    def _measure(self, params: Params) -> Any:
        return self._score(params, self._data, self._key)

    def options(self) -> dict[str, Any]:
        """Arguments of `loop.fit`."""
        watch = self._watch
        return {"watch": loop.Watch(self._measure, watch.every, watch.patience, watch.higher_is_better),
                "on_watch": self._note}  # fmt: skip

    def _note(self, step: int, scores: np.ndarray) -> None:
        self._scores[step] = np.asarray(scores)

    def facts(self) -> dict[str, Any]:
        """For the stage's record: the metric, and of each seed what was measured at which step."""
        return {"watched": {"metric": self._watch.metric, "scores": {str(s): v for s, v in self._scores.items()}}}

"""The `estimate` stage: parameters that are counted from a dataset, not trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from jaxrec import algorithms
from jaxrec.base import files, finite, ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment.resources import AlgorithmInputs, Fitted, Resources
from jaxrec.experiment.store import remedy, save_npz
from jaxrec.reporting.progress import Progress

PRODUCES = ""
LEAVES_MODEL = True
GROWS = ""
_FILE = "params.npz"


def ranges_of(stage: ConfigDict) -> Mapping[str, ranges.Range]:
    return {"data": ranges.TEXT, **ranges.under("algorithm", algorithms.ranges_of(stage.algorithm.name))}


def inputs(config: ConfigDict, name: str) -> list[str]:
    return [config.stages[name].data]


def models(config: ConfigDict, name: str) -> list[str]:
    del config, name
    return []


def describe(stage: ConfigDict) -> str:
    return f"count {stage.algorithm.name} for {stage.data}"


def options(resources: Resources, name: str) -> dict[str, Any]:
    return {"algorithm": resources.config.stages[name].algorithm.to_dict()}


def contents(resources: Resources, name: str) -> dict[str, str]:
    data = resources.config.stages[name].data
    return {"data": resources.content(data).learned, **resources.counted(data).content}


def algorithm_inputs(resources: Resources, name: str, spec_of: Callable[[str], Any]) -> AlgorithmInputs:
    stage = resources.config.stages[name]
    return AlgorithmInputs(stage.algorithm, spec_of(stage.data))


def check(resources: Resources, name: str) -> None:
    stage = resources.config.stages[name]
    try:
        if resources.algorithm(name).estimate is None:
            raise JaxrecError(f"{stage.algorithm.name} is trained, not counted: make it a fit stage")
    except JaxrecError as error:
        raise JaxrecError(f"stage {name!r}: {error}") from error


def run(resources: Resources, name: str, progress: Progress) -> dict[str, Any]:
    """Counts the parameters of stage `name` and leaves them in its folder."""
    del progress
    began, stage = time.monotonic(), resources.config.stages[name]
    algorithm = AlgorithmInputs(stage.algorithm, resources.dataset(stage.data).spec).make()
    counted = resources.counted(stage.data)
    params = algorithm.estimate(counted.data, **counted.facts)
    save_npz(resources.folder(name).path / _FILE, flatten_dict(params, sep="/"))
    return {"seconds": time.monotonic() - began, "num_seeds": 1}


def read(resources: Resources, name: str) -> Fitted:
    """The algorithm with the counted parameters, their seeds axis of one."""
    stage, folder = resources.config.stages[name], resources.artifact(name)
    spec = resources.dataset(stage.data).spec
    stored = files.read_npz(folder / _FILE, remedy(folder))
    finite.check_params(stored, str(folder / _FILE), remedy(folder))
    params = unflatten_dict({path: leaf[None] for path, leaf in stored.items()}, sep="/")
    return Fitted(AlgorithmInputs(stage.algorithm, spec).make(), params, spec)

"""Every option of an experiment in its range, before any file is read.

The ranges stand where the options are declared (see `base.ranges`): with the experiment, the dataset, the kind of
dataset, the environment, the kind of stage, the algorithm and the evaluator. Here they are gathered under the names
that a user gives on the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.errors import prefixed
from jaxrec.base.ranges import Range
from jaxrec.config import experiment
from jaxrec.data import datasets
from jaxrec.experiment import kinds, stages


def check(config: ConfigDict) -> None:
    """Checks every leaf of a config.

    Raises:
      JaxrecError: names the first leaf that is out of its range, its value and its range; or the leaf that names no
        dataset, kind, environment, algorithm or evaluator that there is.
    """
    ranges.check("", config, declared(config))


def declared(config: ConfigDict) -> dict[str, Range]:
    """Dotted name -> range, of the leaves that a config with these datasets and stages can have.

    Raises:
      JaxrecError: a name that stands for nothing.
    """
    found = dict(experiment.RANGES)
    if config.data.name:
        with prefixed("data.name: "):
            found |= ranges.under("data.options", datasets.ranges_of(config.data.name))
    for name, options in config.datasets.items():
        found |= _of_part(f"datasets.{name}", options, kinds.load_declared)
    for name, stage in config.stages.items():
        found |= _of_part(f"stages.{name}", stage, stages.load)
    return found


def _of_part(part: str, options: ConfigDict, load: Callable[[str], ModuleType]) -> dict[str, Range]:
    """The ranges of a dataset or a stage; `load` imports the module of its kind."""
    with prefixed(f"{part}.kind: "):
        kind = load(options.kind)
    with prefixed(f"{part}."):
        return ranges.under(part, {"kind": ranges.TEXT, **kind.ranges_of(options)})

"""Every option of an experiment in its range, before any file is read.

The ranges stand where the options are declared (see `base.ranges`): with the experiment, the dataset, the kind of
dataset, the environment, the kind of stage, the algorithm and the evaluator. Here they are gathered under the names that
a user gives on the command line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
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
        with _about("data.name"):
            found |= ranges.under("data.options", datasets.ranges_of(config.data.name))
    for name, options in config.datasets.items():
        with _about(f"datasets.{name}"):
            own = kinds.load_declared(options.kind).ranges_of(options)
        found |= ranges.under(f"datasets.{name}", {"kind": ranges.TEXT, **own})
    for name, stage in config.stages.items():
        with _about(f"stages.{name}"):
            own = stages.load(stage.kind).ranges_of(stage)
        found |= ranges.under(f"stages.{name}", {"kind": ranges.TEXT, **own})
    return found


@contextlib.contextmanager
def _about(leaf: str) -> Iterator[None]:
    """Puts the place in the config before the message of an error."""
    try:
        yield
    except JaxrecError as error:
        raise JaxrecError(f"{leaf}: {error}") from error

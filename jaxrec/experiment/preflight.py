"""Every mistake that can be seen before anything is trained is reported before anything is trained."""

from __future__ import annotations

import re

from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import graph, option_ranges, stages
from jaxrec.experiment.resources import Resources

_STAGE_NAME = re.compile(r"\w[\w+-]*")


def check(resources: Resources) -> None:
    """Checks every option, then stages and their order, then data files, environments, algorithms and evaluations.

    Options come first: a value that cannot be is told before any file is read.

    Raises:
      JaxrecError: the first mistake found.
    """
    config = resources.config
    option_ranges.check(config)
    _check_run(config)
    _ = resources.mesh  # made here, as there may not be devices enough for it
    graph.check(config)
    _check_tables(config)
    for name in config.order:
        stages.load(config.stages[name].kind).check(resources, name)


def _check_run(config: ConfigDict) -> None:
    """What concerns the run as a whole: the names of stages, which become folders, and how parameters are sharded."""
    for name in config.order:
        if not _STAGE_NAME.fullmatch(name) or name == "tensorboard":
            raise JaxrecError(
                f"a stage cannot be called {name!r}: use letters, digits, _, + and -, and not 'tensorboard'"
            )
    for rule in config.sharding:
        try:
            pattern, axes = rule
            re.compile(pattern)
            known = all(axis in ("data", "model", None) for axis in axes)
        except (re.error, TypeError, ValueError) as error:
            raise JaxrecError(f"sharding rule {rule!r} is not (path regex, axes): {error}") from error
        if not known:
            raise JaxrecError(f"sharding rule {rule!r}: set each axis to 'data', 'model' or None")


def _check_tables(config: ConfigDict) -> None:
    """Tables and figures are made from the last evaluation, and a table's leader is one of its rows."""
    evaluations = [name for name in config.order if config.stages[name].kind == "evaluate"]
    played = config.stages[evaluations[-1]].policies if evaluations else ()
    named = {f"tables.{name}": table.rows for name, table in config.tables.items()}
    named |= {f"figures.{name}": (*f.rows, *filter(None, [f.baseline])) for name, f in config.figures.items()}
    for leaf, rows in named.items():
        for row in rows:
            if row not in played:
                raise JaxrecError(
                    f"{leaf} names row {row!r}, which the last evaluation does not play; it has {sorted(played)}"
                )
    for name, figure in config.figures.items():
        if len(figure.labels) != len(figure.rows):
            raise JaxrecError(f"figures.{name}.labels are {len(figure.labels)}: give one for each of {figure.rows}")
    for method, numbers in config.reference.items():
        if isinstance(numbers, tuple | list) and len(numbers) != 3:
            raise JaxrecError(f"reference.{method} has {len(numbers)} numbers: give R_cumu, R_avg and Length")
    for name, table in config.tables.items():
        if any(len(row) != len(table.columns) for row in table.published.values()):
            raise JaxrecError(f"tables.{name}: a published row has not the {len(table.columns)} numbers of its columns")
        if table.leader not in table.rows:
            raise JaxrecError(f"tables.{name}: leader {table.leader!r} is none of its rows {list(table.rows)}")

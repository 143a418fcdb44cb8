"""Every mistake that can be seen before anything is trained is reported before anything is trained."""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import graph, stages
from jaxrec.experiment.resources import Resources


def check(resources: Resources) -> None:
    """Stages and their order, data files, environments, every algorithm's options, every evaluation.

    Raises:
      JaxrecError: the first mistake found.
    """
    config = resources.config
    graph.check(config)
    _check_tables(config)
    for name in config.order:
        stages.load(config.stages[name].kind).check(resources, name)


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
    for name, table in config.tables.items():
        if any(len(row) != len(table.columns) for row in table.published.values()):
            raise JaxrecError(f"tables.{name}: a published row has not the {len(table.columns)} numbers of its columns")
        if table.leader not in table.rows:
            raise JaxrecError(f"tables.{name}: leader {table.leader!r} is none of its rows {list(table.rows)}")

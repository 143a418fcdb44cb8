"""What every experiment's config starts from; a file under configs/ holds only what differs."""

from __future__ import annotations

from collections.abc import Callable

from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.config import outputs

RANGES = {
    "name": ranges.TEXT,
    "paper": ranges.TEXT,
    "seed": ranges.SEED,
    "num_seeds": ranges.COUNT,
    "data.name": ranges.TEXT,
    "data.root": ranges.TEXT,
    "data.test_fraction": ranges.BELOW_ONE,
    "mesh.model": ranges.COUNT,
    "sharding": ranges.Range("a list of (path regex, axes)", lambda x: isinstance(x, list | tuple)),
    "checkpoint_seconds": ranges.NOT_NEGATIVE,
    "order": ranges.NAMES,
    "inference.*": ranges.FINITE,
    **ranges.under("sweeps.*", outputs.SWEEP_RANGES),
    "reference.*": outputs.PUBLISHED,
    "reference.*.*": ranges.or_none(ranges.FINITE),
    **ranges.under("figures.*", outputs.FIGURE_RANGES),
    **ranges.under("tables.*", outputs.TABLE_RANGES),
    "notes": ranges.TEXTS,
}


def variant(name: str | None, *made_by: Callable[[ConfigDict], None]) -> Callable[[ConfigDict], None]:
    """The function of a config file that makes the variant of its name; the first one where no name is given.

    Raises:
      ValueError: there is none of that name (what ml_collections' flags report as bad input).
    """
    known = {make.__name__: make for make in made_by}
    if name and name not in known:
        raise ValueError(f"there is no variant {name!r}; choose one of {sorted(known)}")
    return known[name] if name else made_by[0]


def defaults() -> ConfigDict:
    """An experiment without datasets and stages yet: `declare` has what to add."""
    return ConfigDict(
        {
            "name": "",  # heads the report
            "paper": "",  # where the method and its table stand
            "seed": 0,  # of everything random: data, parameters, batches, episodes
            "num_seeds": 5,  # learners trained side by side; the interval of the table is over them
            "data": {  # the log that datasets are made from
                "name": "embedded",  # a file of jaxrec/data/datasets; '' where no dataset needs a log
                "root": "",  # the folder that holds one folder per dataset
                "options": {},  # handed to the dataset's loader
                "test_fraction": 0.0,  # of the events, drawn at random, where the log comes without a test split
            },
            "mesh": {"model": 1},  # devices along the model axis; the rest run data-parallel
            "sharding": (),  # (path regex, axis or None per dimension), first match wins; the rest is replicated
            "checkpoint_seconds": 30.0,  # at least this long between checkpoints
            "datasets": {},  # name -> dataset(kind, ...): what stages learn from and are measured on
            "stages": {},  # name -> fit(...), estimate(...), collect(...), transform(...) or evaluate(...)
            "order": (),  # the stages in the order they run
            "inference": {},  # option -> number, asked at evaluation of the policies that have it; no fit depends on it
            "sweeps": {},  # name -> outputs.sweep(...), such an option varied: what it trades for what
            "reference": {},  # method -> (R_cumu, R_avg, Length) or {'mode/metric': number}, printed beside ours
            "figures": {},  # name -> outputs.figure(...), rows of the last evaluation side by side
            "tables": {},  # name -> outputs.table(...), a paper's tables over the rows of the last evaluation
            "notes": (),  # sentences a reader of the tables must know: what was scaled down, and why
        }
    )

"""Events of the log one by one, for user models: who gave which item what feedback."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.ranges import Range
from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.base.specs import RatingsSpec
from jaxrec.data import features
from jaxrec.experiment.kinds import Content, Dataset
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import fingerprint

EVALUATORS: tuple[str, ...] = ()
BESIDE = None
ORIGIN = "trained on the events `{}`"
_SPLITS = {"train": TRAIN, "test": TEST}

RANGES = {"split": ranges.choice("train", "test", "all")}


def options(split: str = "train") -> ConfigDict:
    """Takes the events of a split: 'train', 'test' or 'all'."""
    return ConfigDict({"split": split})


def ranges_of(options: ConfigDict) -> Mapping[str, Range]:
    del options
    return RANGES


def inputs(config: ConfigDict, name: str) -> tuple[str, ...]:
    del config, name
    return ()


def events_of(interactions: Interactions, split: str) -> Interactions:
    """The train events, the test events, or all.

    Raises:
      JaxrecError: there are none.
    """
    if split == "all":
        return interactions
    if split not in _SPLITS:
        raise JaxrecError(f"split {split!r} is unknown; choose 'train', 'test' or 'all'")
    chosen = interactions.where(interactions.split == _SPLITS[split])
    if not len(chosen):
        raise JaxrecError(f"dataset {interactions.name} has no {split} rows; set data.test_fraction or use 'all'")
    return chosen


def load(resources: Resources, name: str) -> Dataset:
    """Columns `user`, `item` int32 [E] and `feedback` float32 [E]."""
    chosen = events_of(resources.log, resources.config.datasets[name].split)
    columns = {"user": chosen.user, "item": chosen.item, "feedback": chosen.feedback}
    return Dataset({column: np.asarray(values) for column, values in columns.items()}, _spec(chosen))


def _spec(events: Interactions) -> RatingsSpec:
    users = features.indicators(events.user_features, events.num_users)
    items = features.indicators(events.item_features, events.num_items)
    bounds = (float(events.feedback.min()), float(events.feedback.max()))
    ids = {"user_ids": events.user_ids, "item_ids": events.item_ids}
    return RatingsSpec(events.num_users, events.num_items, bounds, features=(users, items), **ids)


def spec(resources: Resources, name: str) -> RatingsSpec:
    return resources.dataset(name).spec


def content(resources: Resources, name: str) -> Content:
    data, facts = resources.dataset(name)
    learned = fingerprint(data, facts.num_users, facts.num_items, facts.features, facts.catalogue)
    return Content(learned, learned)


def facts(resources: Resources, name: str) -> list[str]:
    """How the files of the log were read."""
    del name
    return list(resources.log.notes)

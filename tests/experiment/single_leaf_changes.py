"""Every leaf of every config's smoke variant, and the values that it is changed to."""

from __future__ import annotations

import contextlib
import functools
import importlib
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from jaxrec.base.leaves import flat
from jaxrec.config import config_files
from jaxrec.experiment import graph, option_ranges, preflight, stages
from jaxrec.experiment.resources import Resources
from tests.conftest import REPOSITORY

NAN, INF = float("nan"), float("inf")
NOT_FINITE = (NAN, INF, -INF)
FOR_NUMBERS = (-1, 0, *NOT_FINITE, 1e30, -1e30, 2**70, 10**400, True, "text", None, 0.5, [])
FOR_TEXTS = ("unknown", "", 5, NAN, None, [])
FOR_FLAGS = ("False", 5, NAN, None, [])
FOR_LISTS = ((), "text", 5, None, (NAN,), (-1, INF), (True,), (None,), ("unknown",), ([],))


class Leaf(NamedTuple):
    """A leaf of the config of one smoke variant.

    Attributes:
      config: shared by all leaves of the config; `changed` puts it back as it was.
      alone: the same leaf in a config that has no other stages and datasets, whose ranges are checked sooner.
      part: 'stages.<name>' or 'datasets.<name>'; '' for what concerns the run as a whole.
    """

    config: ConfigDict
    alone: ConfigDict
    part: str
    path: str

    def place(self) -> tuple[ConfigDict, str]:
        """(the group that the leaf stands in, its name there)."""
        *groups, name = self.path.split(".")
        return functools.reduce(operator.getitem, groups, self.config), name

    def values(self) -> tuple:
        """What this leaf is changed to."""
        group, name = self.place()
        value = group[name]
        if isinstance(value, bool):
            return FOR_FLAGS
        return FOR_TEXTS if isinstance(value, str) else FOR_LISTS if isinstance(value, tuple) else FOR_NUMBERS


def every_leaf() -> list[Leaf]:
    """Each leaf once where several stages or datasets have the same options, in the smallest config that has it."""
    files = config_files.find(REPOSITORY / "configs")
    configs = [importlib.import_module(f"configs.{file.path.stem}").get_config("smoke") for file in files]
    found: dict[tuple[str, str], Leaf] = {}
    for config in sorted(configs, key=lambda config: len(config.stages)):
        parts = {"": _without(config)}
        for path, value in flat(config).items():
            if not isinstance(value, dict):
                part, what, own = _part(config, path)
                if part not in parts:
                    parts[part] = _without(config, part)
                found.setdefault((what, own), Leaf(config, parts[part], part, path))
    return list(found.values())


def _without(config: ConfigDict, part: str = "") -> ConfigDict:
    """The config, its groups shared, without stages and datasets but those of the part."""
    made = ConfigDict(config, convert_dict=False)
    group, _, kept = part.partition(".")
    for name in ("stages", "datasets"):
        made[name] = ConfigDict({kept: config[name][kept]} if name == group else {}, convert_dict=False)
    return made


def _part(config: ConfigDict, path: str) -> tuple[str, str, str]:
    """(the part of a leaf, what that part's options are declared by, the leaf's name inside the part)."""
    group, name, *below = (*path.split("."), "", "")
    if group not in ("stages", "datasets"):
        named = group in ("tables", "figures", "sweeps", "reference")
        return "", group, ".".join(below) if named else path
    options = config[group][name]
    named = [options.get("algorithm", options), options.get("evaluator", options)]
    what = " ".join([group, options.kind, *(str(one.get("name", "")) for one in named)])
    return f"{group}.{name}", what, ".".join(below)


@contextlib.contextmanager
def changed(leaf: Leaf, value: Any) -> Iterator[None]:
    """Gives the leaf another value of any type meanwhile."""
    group, name = leaf.place()
    before = group[name]
    try:
        _put(group, name, value)
        yield
    finally:
        _put(group, name, before)


def _put(group: ConfigDict, name: str, value: Any) -> None:
    """Sets a leaf to exactly this value; a leaf that is replaced, and not deleted first, would cast it to its type."""
    with group.unlocked():
        del group[name]
        group[name] = value


def checked_ranges(leaf: Leaf) -> None:
    option_ranges.check(leaf.alone if leaf.part else leaf.config)


class Loaded:
    """Datasets of the configs as they are, shared by all changes that do not concern them."""

    def __init__(self):
        self._of: dict[int, Resources] = {}

    def resources(self, leaf: Leaf) -> Resources:
        """Of the changed config; nothing that the leaf could change is loaded yet."""
        made = Resources(leaf.config, Path("no_workdir"))
        if id(leaf.config) not in self._of:
            self._of[id(leaf.config)] = Resources(leaf.config.copy_and_resolve_references(), made.workdir)
        own = self._of[id(leaf.config)]
        if leaf.part and leaf.config.data.name:
            made.log = own.log
        if leaf.part.startswith("stages."):
            made._made = own._made
        return made

    def check(self, leaf: Leaf) -> None:
        """What preflight checks after the ranges, of the first stage that reads the leaf."""
        resources = self.resources(leaf)
        if not leaf.part:
            preflight.check(resources)
            return
        graph.check(leaf.config)
        group, name = leaf.part.split(".")
        for stage in [name] if group == "stages" else _readers(leaf.config, name)[:1]:
            stages.load(leaf.config.stages[stage].kind).check(resources, stage)


def _readers(config: ConfigDict, dataset: str) -> list[str]:
    return [name for name in config.order if dataset in stages.load(config.stages[name].kind).inputs(config, name)]

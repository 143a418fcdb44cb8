"""One file per dataset; the folder is the registry.

Each file has `load(root, **options) -> Interactions` and `RELEASE`, what is known of its official release
(`files.official.Release`; None where there is nothing to download). `RANGES`, where a file has it, says what values its
options may have.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

from jaxrec.base import ranges, registry
from jaxrec.base.errors import JaxrecError
from jaxrec.base.ranges import Range
from jaxrec.base.records import Interactions

_DEFINES = "def load("


def names() -> list[str]:
    """The datasets there are."""
    return registry.names(__name__, _DEFINES)


def module(name: str) -> ModuleType:
    """Imports the dataset's file; raises JaxrecError where there is none."""
    return registry.resolve(__name__, name, _DEFINES, "dataset")


def ranges_of(name: str) -> dict[str, Range]:
    """The ranges of a dataset's options: of flags and texts by their defaults, else as the dataset's `RANGES` has them.

    Raises:
      JaxrecError: unknown dataset.
    """
    dataset = module(name)
    plain = {bool: ranges.SWITCH, str: ranges.or_none(ranges.TEXT)}
    typed = {option: type(p.default) for option, p in inspect.signature(dataset.load).parameters.items()}
    return {option: plain[kind] for option, kind in typed.items() if kind in plain} | getattr(dataset, "RANGES", {})


def load(name: str, root: Path | str | None = None, **options) -> Interactions:
    """Loads a dataset.

    Args:
      name: one of `names()`.
      root: the folder with one folder per dataset; None where the dataset needs no files.
      **options: what the dataset's own `load` takes.

    Raises:
      JaxrecError: unknown dataset or option, missing or damaged file.
    """
    dataset = module(name)
    loader = dataset.load
    known = list(inspect.signature(loader).parameters)[1:]
    for option in options:
        if option not in known:
            hint = registry.hint(option, known)
            raise JaxrecError(f"dataset {name} has no option {option!r}{hint}; it has {', '.join(known) or 'none'}")
    ranges.check("data.options.", options, ranges_of(name))
    return loader(None if root is None else Path(root).expanduser(), **options)

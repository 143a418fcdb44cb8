"""One folder per family, one file per algorithm, found by `family.name`."""

from __future__ import annotations

from types import ModuleType

from jaxrec.base import ranges, registry
from jaxrec.base.errors import prefixed
from jaxrec.base.ranges import Range

_DEFINES = "def make("


def names() -> list[str]:
    """Lists every algorithm as 'family.name'."""
    return registry.names(__name__, _DEFINES)


def load(name: str) -> ModuleType:
    """Imports the module with `defaults() -> ConfigDict`, `RANGES` of all its leaves, and `make(config, spec) ->
    Algorithm`, which refuses options out of their ranges.

    Raises:
      JaxrecError: no such algorithm.
    """
    return registry.resolve(__name__, name, _DEFINES, "algorithm")


def ranges_of(name: str) -> dict[str, Range]:
    """The ranges of all options of an algorithm, its name among them.

    Raises:
      JaxrecError: no such algorithm.
    """
    with prefixed("algorithm.name: "):
        return {"name": ranges.TEXT, **load(name).RANGES}

"""One folder per family, one file per algorithm, found by `family.name`."""

from __future__ import annotations

from types import ModuleType

from jaxrec.base import registry

_DEFINES = "def make("


def names() -> list[str]:
    """Lists every algorithm as 'family.name'."""
    return registry.names(__name__, _DEFINES)


def load(name: str) -> ModuleType:
    """Imports the module with `defaults() -> ConfigDict` and `make(config, spec) -> Algorithm`.

    Raises:
      JaxrecError: no such algorithm.
    """
    return registry.resolve(__name__, name, _DEFINES, "algorithm")

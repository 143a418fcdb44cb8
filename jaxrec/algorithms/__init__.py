"""One folder per family, one file per algorithm; `load("actor_critic", "a2c")` is the whole registry."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from jaxrec.base.errors import JaxrecError

_ROOT = Path(__file__).parent


def families() -> list[str]:
    """The folders."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)


def names(family: str) -> list[str]:
    """The files of a family that define `make`; the others hold parts. Nothing is imported."""
    files = sorted((_ROOT / family).glob("*.py"))
    return [file.stem for file in files if "\ndef make(" in file.read_text(encoding="utf-8")]


def load(family: str, name: str) -> ModuleType:
    """The module with `defaults() -> ConfigDict` and `make(config, spec) -> Algorithm`.

    Raises:
      JaxrecError: no such family or file.
    """
    if family not in families():
        raise JaxrecError(f"algorithm family {family!r} does not exist; choose one of {families()}")
    if name not in names(family):
        raise JaxrecError(f"algorithm {name!r} does not exist in {family}; choose one of {names(family)}")
    return importlib.import_module(f"{__name__}.{family}.{name}")

"""The folder is the registry: a name such as `actor_critic.a2c` is a file below a package, and found here alone."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from jaxrec.base.errors import JaxrecError


def names(package: str, defines: str) -> list[str]:
    """Lists the files below a package that define something; the others hold parts. Of them none is imported.

    Args:
      package: dotted, such as 'jaxrec.algorithms'; files in its sub-packages are named 'family.name'.
      defines: what such a file has at its left margin, for example 'def make('.
    """
    root = Path(importlib.import_module(package).__file__).parent
    files = [file for file in root.rglob("*.py") if file.stem != "__init__"]
    found = [file for file in files if f"\n{defines}" in file.read_text(encoding="utf-8")]
    return sorted(".".join(file.relative_to(root).with_suffix("").parts) for file in found)


def resolve(package: str, name: str, defines: str, what: str) -> ModuleType:
    """Imports the file that a name stands for.

    Args:
      package, defines: as in `names`.
      what: the word for such a file in the error, for example 'algorithm'.

    Raises:
      JaxrecError: there is no such file; names the nearest and all there are.
    """
    if not _is_defined(package, name, defines):
        known = names(package, defines)
        raise JaxrecError(f"there is no {what} {name!r}{hint(name, known)}; choose one of {', '.join(known)}")
    return importlib.import_module(f"{package}.{name}")


def _is_defined(package: str, name: str, defines: str) -> bool:
    """Whether `name` is one of `names(package, defines)`; reads one file instead of all."""
    parts = name.split(".") if isinstance(name, str) else [""]
    if not all(part.isidentifier() for part in parts) or parts[-1] == "__init__":
        return False
    file = Path(importlib.import_module(package).__file__).parent.joinpath(*parts).with_suffix(".py")
    return file.is_file() and f"\n{defines}" in file.read_text(encoding="utf-8")


def hint(word: str, known: Sequence[str]) -> str:
    """', did you mean ...?' where a known word is near, else ''."""
    near = difflib.get_close_matches(str(word), known, n=1)
    return f", did you mean {near[0]!r}?" if near else ""

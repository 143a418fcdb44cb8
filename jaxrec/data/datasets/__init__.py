"""One file per dataset; the folder is the registry.

Each file has `load(root, **options) -> Interactions` and `RELEASE`, what is known of its official release
(`files.official.Release`; None where there is nothing to download). `RANGES`, where a file has it, says what values its
options may have.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions


def names() -> list[str]:
    """The datasets there are."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def module(name: str) -> ModuleType:
    """The dataset's file. Raises: JaxrecError that lists the names there are."""
    if name not in names():
        raise JaxrecError(
            f"no dataset is called {name!r}{_did_you_mean(name, names())}; there are {', '.join(names())}"
        )
    return importlib.import_module(f"{__name__}.{name}")


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
            guess = _did_you_mean(option, known)
            raise JaxrecError(f"dataset {name} has no option {option!r}{guess}; it has {', '.join(known) or 'none'}")
    ranges.check("data.options.", options, getattr(dataset, "RANGES", {}))
    return loader(None if root is None else Path(root).expanduser(), **options)


def _did_you_mean(word: str, words: list[str]) -> str:
    close = difflib.get_close_matches(str(word), words, n=1)
    return f", did you mean {close[0]!r}?" if close else ""

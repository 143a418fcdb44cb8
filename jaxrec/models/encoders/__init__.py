"""State encoders, one per file, newest pair last: UserTrans of T 4.2, G of T 5.6, the state tracker of M 4.1.

`encoder(item int32 [..., W], feedback float32 [..., W], mask bool [..., W]) -> state [..., D]`, the state after the
pair in the last place: what simulators and policies ask for, on windows padded on the left.
`encoder(..., at=history.EVERY) -> states [..., W, D]`, the state after each place from what lies at or before it: what
next-item models train on; `at` int32 [..., P] gives those after some places alone, [..., P, D]. `joined` [..., D_j] is
a vector that every pair of the window is mixed with (see `interactions`). Masked places, on either side, count for
nothing; what comes out of one is meaningless.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import flax.linen as nn

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.models import transformer


def names() -> list[str]:
    """The files that hold an `Encoder`; the others hold parts."""
    found = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [name for name in found if hasattr(_file(name), "Encoder")]


def make(name: str, *, num_items: int, width: int, feedback_scale: float = 1.0, **options: Any) -> nn.Module:
    """The encoder of the file `name`; feedback is divided by `feedback_scale`.

    Raises:
      JaxrecError: no such file, or it has no such option, or not of that value.
    """
    if name not in names():
        raise JaxrecError(f"state encoder {name!r} does not exist: choose one of {', '.join(names())}")
    encoder = _file(name).Encoder
    fields = {"num_items": num_items, "width": width, "feedback_scale": feedback_scale}
    own = {o: f.default for o, f in encoder.__dataclass_fields__.items() if o not in (*fields, "parent", "name")}
    for option in options:
        if option not in own:
            known = ", ".join(sorted(own)) or "none"
            raise JaxrecError(f"state encoder {name!r} has no option {option!r}: choose one of {known}")
    _check(f"state encoder {name!r}: ", width, own, {**own, **options})
    return encoder(**fields, **options)


def _check(prefix: str, width: int, defaults: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Every option of an encoder counts something, or several things where its default does, but what a transformer
    has is as that wants it."""
    several = {option: isinstance(default, tuple) for option, default in defaults.items() if option != "dropout"}
    ranges.check(prefix, options, {o: ranges.COUNTS if many else ranges.COUNT for o, many in several.items()})
    if "num_heads" in options:
        transformer.check(prefix, {**options, "width": width})


def _file(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")

"""State encoders, one per file, newest pair last.

`encoder(item int32 [..., W], feedback float32 [..., W], mask bool [..., W]) -> state [..., D]`, the state after the
pair in the last place: what simulators and policies ask for, on windows padded on the left.
`encoder(..., at=history.EVERY) -> states [..., W, D]`, the state after each place from what lies at or before it: what
next-item models train on; `at` int32 [..., P] gives those after some places alone, [..., P, D]. `joined` [..., D_j] is
a vector that every pair of the window is mixed with (see `interactions`). Masked places, on either side, count for
nothing; what comes out of one is meaningless.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Any

import flax.linen as nn

from jaxrec.types import JaxrecError


def make(name: str, *, num_items: int, width: int, feedback_scale: float = 1.0, **options: Any) -> nn.Module:
    """The encoder of the file `name`; feedback is divided by `feedback_scale`.

    Raises:
      JaxrecError: no such file, or it has no such option.
    """
    if not importlib.util.find_spec(f"{__name__}.{name}"):
        known = ", ".join(sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name != "interactions"))
        raise JaxrecError(f"state encoder {name!r} does not exist: choose one of {known}")
    module = importlib.import_module(f"{__name__}.{name}")
    fields = {"num_items": num_items, "width": width, "feedback_scale": feedback_scale}
    own = sorted(set(module.Encoder.__dataclass_fields__) - {*fields, "parent", "name"})
    for option in options:
        if option not in own:
            raise JaxrecError(f"state encoder {name!r} has no option {option!r}: choose one of {', '.join(own)}")
    return module.Encoder(**fields, **options)

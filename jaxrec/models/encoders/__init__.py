"""State encoders, one per file: what turns a window of (item, feedback) pairs into the state of a user.

Every file defines one class `Encoder`, a `SequenceEncoder`; see there for its three methods. They are UserTrans of
T 4.2, the sequence model G of T 5.6 and L Eq. 4, and the state tracker of M 4.1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxrec.base import ranges, registry
from jaxrec.base.errors import JaxrecError
from jaxrec.models import transformer
from jaxrec.models.encoders.sequence_encoder import SequenceEncoder

_DEFINES = "class Encoder("
_COUNT_OR_COUNTS = ranges.Range(
    "a whole number from 1 upward, or a list of them", lambda x: ranges.COUNT.holds(x) or ranges.COUNTS.holds(x)
)
# Of the options of an algorithm that are handed to its encoder; `make` knows which of them an encoder has.
OPTIONS = {
    "dropout": ranges.BELOW_ONE,
    **dict.fromkeys(("reads_feedback", "norm_input", "post_norm"), ranges.SWITCH),
    "*": _COUNT_OR_COUNTS,
}


def names() -> list[str]:
    """Lists the files that define an `Encoder`; the others hold parts."""
    return registry.names(__name__, _DEFINES)


NAME = ranges.choice(*names())


def make(name: str, *, num_items: int, width: int, feedback_scale: float = 1.0, **options: Any) -> SequenceEncoder:
    """Builds the encoder of the file `name`.

    Args:
      num_items: A. width: D, of pairs and states. feedback_scale: what feedback is divided by.
      options: further fields of that file's `Encoder`.

    Raises:
      JaxrecError: no such file, no such option, or an option out of its range.
    """
    encoder = registry.resolve(__name__, name, _DEFINES, "state encoder").Encoder
    defaults = _own_options(encoder)
    for option in options:
        if option not in defaults:
            hint, known = registry.hint(option, list(defaults)), ", ".join(sorted(defaults)) or "none"
            raise JaxrecError(f"state encoder {name!r} has no option {option!r}{hint}: choose one of {known}")
    _check_options(f"state encoder {name!r}: ", width, defaults, {**defaults, **options})
    return encoder(num_items=num_items, width=width, feedback_scale=feedback_scale, **options)


def _own_options(encoder: type[SequenceEncoder]) -> dict[str, Any]:
    """Returns the fields that a config may set, with their defaults; the others come from the data."""
    shared = {"num_items", "width", "feedback_scale", "parent", "name"}
    return {field.name: field.default for field in dataclasses.fields(encoder) if field.name not in shared}


def _check_options(prefix: str, width: int, defaults: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """Raises JaxrecError where an option has not the type of its default, is out of its range, or fits no
    transformer."""
    by_type = {bool: ranges.SWITCH, float: ranges.BELOW_ONE, tuple: ranges.COUNTS, int: ranges.COUNT}
    ranges.check(prefix, options, {option: by_type[type(default)] for option, default in defaults.items()})
    if "num_heads" in options:
        transformer.check_sizes(prefix, {**options, "width": width})

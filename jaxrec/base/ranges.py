"""What numbers in a config may be, and the one line that is raised where one is not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

from jaxrec.base.errors import JaxrecError


class Range(NamedTuple):
    """`holds(value)` of what is `wanted`, in words that follow "set it to"."""

    wanted: str
    holds: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def _count(value: Any) -> bool:
    return isinstance(value, Integral) and value >= 1


def several(one: Range, wanted: str) -> Range:
    """One or more values that are each in `one`."""
    return Range(wanted, lambda x: isinstance(x, Sequence) and len(x) > 0 and all(map(one.holds, x)))


def exactly(count: int, one: Range, wanted: str) -> Range:
    """So many values that are each in `one`."""
    return Range(wanted, lambda x: isinstance(x, Sequence) and len(x) == count and all(map(one.holds, x)))


def optional(one: Range) -> Range:
    """What is in `one`, or None."""
    return Range(f"{one.wanted} or None", lambda x: x is None or one.holds(x))


COUNT = Range("a whole number from 1 upward", _count)
COUNTS = several(COUNT, "whole numbers from 1 upward")
WHOLE = Range("a whole number from 0 upward", lambda x: isinstance(x, Integral) and x >= 0)
FINITE = Range("a finite number", _number)
NOT_NEGATIVE = Range("a finite number from 0 upward", lambda x: _number(x) and x >= 0)
POSITIVE = Range("a finite number above 0", lambda x: _number(x) and x > 0)
SHARE = Range("a number from 0 to 1", lambda x: _number(x) and 0 <= x <= 1)
BELOW_ONE = Range("0 or more and below 1", lambda x: _number(x) and 0 <= x < 1)


def check(prefix: str, options: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
    """Raises JaxrecError at the first of `options` that is not in its range; those that it lacks are passed over.

    Args:
      prefix: what stands before an option's name, for the user to find it.
    """
    for option, known in ranges.items():
        if option in options and not known.holds(options[option]):
            raise JaxrecError(f"{prefix}{option} is {options[option]!r}: set it to {known.wanted}")

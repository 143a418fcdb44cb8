"""The values that options of a config may have, and the one line that is raised at another value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

from jaxrec.base.errors import JaxrecError


class Range(NamedTuple):
    """The values that an option may have.

    Attributes:
      allowed: which values these are, in words that follow "set it to".
      holds: whether a value is one of them.
    """

    allowed: str
    holds: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def list_of(one: Range, allowed: str) -> Range:
    """A list of one or more values, each in the range `one`."""
    return Range(allowed, lambda x: isinstance(x, Sequence) and len(x) > 0 and all(map(one.holds, x)))


def list_of_length(count: int, one: Range, allowed: str) -> Range:
    """A list of `count` values, each in the range `one`."""
    return Range(allowed, lambda x: isinstance(x, Sequence) and len(x) == count and all(map(one.holds, x)))


def or_none(one: Range) -> Range:
    """The values in the range `one`, and None."""
    return Range(f"{one.allowed} or None", lambda x: x is None or one.holds(x))


def at_least(smallest: int) -> Range:
    """Whole numbers from `smallest` upward."""
    return Range(f"a whole number from {smallest} upward", lambda x: isinstance(x, Integral) and x >= smallest)


SWITCH = Range("True or False", lambda x: isinstance(x, bool))
COUNT = at_least(1)
COUNTS = list_of(COUNT, "whole numbers from 1 upward")
WHOLE = at_least(0)
NAMES = Range(
    "a list of one or more names, each once", lambda x: isinstance(x, list | tuple) and 0 < len(x) == len(set(x))
)
FINITE = Range("a finite number", _number)
NOT_NEGATIVE = Range("a finite number from 0 upward", lambda x: _number(x) and x >= 0)
POSITIVE = Range("a finite number above 0", lambda x: _number(x) and x > 0)
SHARE = Range("a number from 0 to 1", lambda x: _number(x) and 0 <= x <= 1)
BELOW_ONE = Range("0 or more and below 1", lambda x: _number(x) and 0 <= x < 1)


def check(prefix: str, options: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
    """Checks that each option is in its range; an option that `options` lacks is passed over.

    Args:
      prefix: what stands before an option's name in the message, for the user to find the option.
      ranges: option -> the values that it may have.

    Raises:
      JaxrecError: names the first option that is out of its range, its value, and the values it may have.
    """
    for option, range_ in ranges.items():
        if option in options and not range_.holds(options[option]):
            raise JaxrecError(f"{prefix}{option} is {options[option]!r}: set it to {range_.allowed}")

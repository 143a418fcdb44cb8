"""The values that options of a config may have, and the one line that is raised at another value.

Each module that declares options (`defaults()`, `options()`) declares their ranges beside them: `RANGES` maps the
dotted name of every leaf to its `Range`. In a dotted name `*` stands for one name that the user chooses, such as that
of an optimizer group. `check` holds options against such a mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

from jaxrec.base.errors import JaxrecError
from jaxrec.base.leaves import flat

LARGEST = 1e12  # in size, of a number that is asked for: float32 holds products of three such numbers
_LISTS = (list, tuple)


class Range(NamedTuple):
    """The values that an option may have.

    Attributes:
      allowed: which values these are, in words that follow "set it to".
      holds: whether a value is one of them.
    """

    allowed: str
    holds: Callable[[Any], bool]


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def list_of(one: Range, allowed: str, *, least: int = 1) -> Range:
    """A list of `least` values or more, each in the range `one`."""
    return Range(allowed, lambda x: isinstance(x, _LISTS) and len(x) >= least and all(map(one.holds, x)))


def list_of_length(count: int, one: Range, allowed: str) -> Range:
    """A list of `count` values, each in the range `one`."""
    return Range(allowed, lambda x: isinstance(x, _LISTS) and len(x) == count and all(map(one.holds, x)))


def or_none(one: Range) -> Range:
    """The values in the range `one`, and None."""
    return Range(f"{one.allowed} or None", lambda x: x is None or one.holds(x))


def at_least(smallest: int) -> Range:
    """Whole numbers from `smallest` upward that an int32 holds."""
    return Range(f"a whole number from {smallest} upward, below 2^31", lambda x: _whole(x) and smallest <= x < 2**31)


def between(low: float, high: float) -> Range:
    """Numbers from `low` to `high`, both included."""
    return Range(f"a number from {low:g} to {high:g}", lambda x: _number(x) and low <= x <= high)


def choice(*names: str) -> Range:
    """One of the names."""
    return Range(f"one of {', '.join(names)}", lambda x: _text(x) and x in names)


def choices(*names: str, least: int = 1) -> Range:
    """A list of some of the names, each once."""
    known = ", ".join(names)
    return Range(
        f"a list of some of {known}, each once",
        lambda x: isinstance(x, _LISTS) and least <= len(x) and all(map(_text, x)) and len(set(x) & {*names}) == len(x),
    )


SWITCH = Range("True or False", lambda x: isinstance(x, bool))
COUNT = at_least(1)
COUNTS = list_of(COUNT, "whole numbers from 1 upward, below 2^31")
WHOLE = at_least(0)
SEED = Range("a whole number from 0 upward, below 2^32", lambda x: _whole(x) and 0 <= x < 2**32)
NAMES = Range(
    "a list of one or more names, each once",
    lambda x: isinstance(x, _LISTS) and all(map(_text, x)) and 0 < len(x) == len(set(x)),
)
FINITE = Range("a finite number, at most 1e12 in size", _number)
NOT_NEGATIVE = Range("a finite number from 0 upward, at most 1e12", lambda x: _number(x) and x >= 0)
POSITIVE = Range("a finite number above 0, at most 1e12", lambda x: _number(x) and x > 0)
SHARE = between(0, 1)
ABOVE_ZERO_TO_ONE = Range("a number above 0, at most 1", lambda x: _number(x) and 0 < x <= 1)
INSIDE_ZERO_ONE = Range("a number above 0 and below 1", lambda x: _number(x) and 0 < x < 1)
BELOW_ONE = Range("0 or more and below 1", lambda x: _number(x) and 0 <= x < 1)
SWITCH = Range("True or False", lambda x: isinstance(x, bool))
TEXT = Range("a text", _text)
TEXTS = list_of(TEXT, "a list of texts, which may be empty", least=0)


def under(prefix: str, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """The ranges of options that lie below the option `prefix`: {'eps': ...} becomes {'optimizer.eps': ...}."""
    return {f"{prefix}.{leaf}": range_ for leaf, range_ in ranges.items()}


def declared_for(leaf: str, ranges: Mapping[str, Range]) -> Range | None:
    """The range of a leaf by its dotted name, or by one with `*` in place of a name; None where none is declared."""
    if leaf in ranges:
        return ranges[leaf]
    names = leaf.split(".")
    for pattern in (pattern for pattern in ranges if "*" in pattern):
        wanted = pattern.split(".")
        if len(wanted) == len(names) and all(w in ("*", name) for w, name in zip(wanted, names, strict=True)):
            return ranges[pattern]
    return None


def check(prefix: str, options: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
    """Checks that each leaf of nested options is in its range; one without a range must be no number that `FINITE`
    lacks.

    Args:
      prefix: what stands before an option's name in the message, for the user to find the option.
      ranges: dotted name -> the values that the option may have; options that are absent are passed over.

    Raises:
      JaxrecError: names the first option that is out of its range, its value, and the values it may have.
    """
    for leaf, value in flat(options).items():
        if isinstance(value, Mapping) and leaf not in ranges:
            continue  # a group without options
        range_ = declared_for(leaf, ranges) or _UNDECLARED
        if not range_.holds(value):
            raise JaxrecError(f"{prefix}{leaf} is {value!r}: set it to {range_.allowed}")


def _no_bad_number(value: Any) -> bool:
    if isinstance(value, _LISTS):
        return all(map(_no_bad_number, value))
    return not isinstance(value, Real) or isinstance(value, bool) or _number(value)


_UNDECLARED = Range(FINITE.allowed, _no_bad_number)

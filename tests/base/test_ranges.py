"""Which numbers are in which range, and what is said where one is not."""

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("known", "inside", "outside"),
    [
        ("COUNT", (1, 7, np.int64(2)), (0, -1, 1.0, NAN, "1", None, True, 2**31)),
        ("COUNTS", ((1,), [2, 3]), ((), (1, 0), (1.5,), 3, "12", (True,))),
        ("WHOLE", (0, 7), (-1, 0.0, NAN)),
        ("FINITE", (-1.5, 0, np.float32(2), 1e12), (NAN, INF, -INF, "1", True, 1e30, -1e30, 10**400)),
        ("SEED", (0, 2**32 - 1), (-1, 2**32, 0.5, True, NAN)),
        ("SHARE", (0, 1, 0.5), (-0.1, 1.1, NAN, True)),
        ("INSIDE_ZERO_ONE", (0.5,), (0, 1, NAN)),
        ("ABOVE_ZERO_TO_ONE", (1, 0.5), (0, 1.1, NAN)),
        ("SWITCH", (True, False), (0, 1, "False", None)),
        ("NAMES", (("a",), ["a", "b"]), ((), ("a", "a"), "a", (["a"],), (1,))),
        ("TEXTS", ((), ("a",)), ("a", (1,), None)),
        ("NOT_NEGATIVE", (0, 0.0, 3.5), (-0.1, NAN, INF)),
        ("POSITIVE", (1, 0.1), (0, -0.1, NAN, INF)),
        ("BELOW_ONE", (0, 0.0, 0.99), (1, 1.0, -0.1, NAN)),
    ],
)
def test_what_a_range_holds(known, inside, outside):
    holds = getattr(ranges, known).holds
    assert all(map(holds, inside)) and not any(map(holds, outside))


def test_the_first_option_outside_is_named_and_missing_ones_are_passed_over():
    wanted = {"width": ranges.COUNT, "dropout": ranges.BELOW_ONE, "rate": ranges.POSITIVE}
    ranges.check("algorithm.", {"width": 1, "dropout": 0.5}, wanted)
    with pytest.raises(JaxrecError, match="^algorithm.dropout is nan: set it to 0 or more and below 1$"):
        ranges.check("algorithm.", {"width": 1, "dropout": NAN, "rate": NAN}, wanted)


def test_choices_lists_and_none():
    assert ranges.choice("a", "b").holds("a") and not any(map(ranges.choice("a", "b").holds, ("c", "", None, 1, [])))
    some = ranges.choices("a", "b")
    assert some.holds(("b", "a")) and not any(map(some.holds, ((), ("a", "a"), ("c",), "a", ([],))))
    assert ranges.choices("a", least=0).holds(())
    assert ranges.or_none(ranges.COUNT).holds(None) and not ranges.or_none(ranges.COUNT).holds(0)
    assert ranges.between(-20, 5).allowed == "a number from -20 to 5"


def test_nested_options_are_found_by_dotted_names_and_by_names_that_the_user_chooses():
    declared = {"width": ranges.COUNT, **ranges.under("groups.*", {"rate": ranges.POSITIVE})}
    ranges.check("", {"width": 1, "groups": {"actor": {"rate": 0.1}}, "given": {}, "unknown": ("a", 1e3)}, declared)
    for options, message in (
        ({"groups": {"actor": {"rate": 0}}}, "^groups.actor.rate is 0: set it to a finite number above 0"),
        ({"width": {}}, "^width is {}: set it to a whole number"),
        ({"unknown": (1.0, NAN)}, r"^unknown is \(1.0, nan\): set it to a finite number"),
    ):
        with pytest.raises(JaxrecError, match=message):
            ranges.check("", options, declared)

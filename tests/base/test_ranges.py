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
        ("COUNT", (1, 7, np.int64(2)), (0, -1, 1.0, NAN, "1", None)),
        ("COUNTS", ((1,), [2, 3]), ((), (1, 0), (1.5,), 3, "12")),
        ("WHOLE", (0, 7), (-1, 0.0, NAN)),
        ("FINITE", (-1.5, 0, np.float32(2)), (NAN, INF, -INF, "1")),
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

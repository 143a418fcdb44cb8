"""From a config to the arrays of a stage: numbers that filters and splits cannot have are named before any work."""

from __future__ import annotations

import numpy as np
import pytest

from jaxrec import defaults
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Trajectories
from jaxrec.experiment import problem

NAN = float("nan")


@pytest.mark.parametrize(
    ("leaf", "value", "wanted"),
    [
        ("length", 0, "a whole number from 1 upward"),
        ("length", -3, "a whole number from 1 upward"),
        ("test", NAN, "0 or more and below 1"),
        ("validation", -0.1, "0 or more and below 1"),
        ("validation", 1.0, "0 or more and below 1"),
        ("head", NAN, "0 or more and below 1"),
        ("head", 2.0, "0 or more and below 1"),
        ("head", -1.0, "0 or more and below 1"),
        ("min_item", -1, "a whole number from 0 upward"),
        ("min_session", -1, "a whole number from 0 upward"),
        ("min_sessions", -1, "a whole number from 0 upward"),
        ("num_users", -1, "a whole number from 0 upward"),
        ("session_minutes", NAN, "a finite number from 0 upward"),
        ("session_minutes", -1.0, "a finite number from 0 upward"),
    ],
)
@pytest.mark.parametrize("split", ["user", "last_session"])
def test_numbers_of_sequences_that_cannot_be_are_named(leaf, value, wanted, split):
    made = defaults.sequences(split=split, **{leaf: value})
    with pytest.raises(JaxrecError, match=f"sequences.{leaf} is {value}: set it to {wanted}"):
        problem.load_sequences(defaults.get_config(), made, None)


def test_a_log_knows_its_returns():
    """Eleven episodes return 0 to 10, half at each of two turns, the first at one alone; an empty row is no episode."""
    reward = np.repeat(np.arange(11.0, dtype=np.float32)[:, None] / 2, 2, axis=1)
    mask = np.arange(2)[None] < np.array([1, *[2] * 10])[:, None]
    rows = [np.append(x, np.full((1, 2), y, x.dtype), axis=0) for x, y in ((reward, 99), (mask, False))]
    facts = problem.return_facts(Trajectories(None, None, *rows))
    assert facts["return_range"] == (0.0, 10.0)
    np.testing.assert_allclose(facts["episode_returns"], range(11))

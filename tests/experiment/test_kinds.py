"""Kinds of datasets: each keeps its contract, and options that cannot be are named before any work."""

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.base import registry
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions, NextItem, Sequences, Trajectories
from jaxrec.config import declare
from jaxrec.experiment import kinds
from jaxrec.experiment.kinds import sequences, trajectories

NAN = float("nan")


@pytest.mark.parametrize("name", registry.names("jaxrec.experiment.kinds", "def load("))
def test_a_kind_keeps_its_contract(name):
    module = kinds.load(name)
    for function in ("inputs", "load", "spec", "content", "facts"):
        assert callable(getattr(module, function)), function
    evaluators = registry.names("jaxrec.evaluation", "def make(")
    assert set(module.EVALUATORS) <= set(evaluators)
    for function in ("check_policy", "measured") if module.EVALUATORS else ():
        assert callable(getattr(module, function)), function


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
    made = declare.dataset("sequences", split=split, **{leaf: value})
    with pytest.raises(JaxrecError, match=f"sequences.{leaf} is {value}: set it to {wanted}"):
        sequences.of_log(made, None)


def test_targets_of_items_that_nobody_can_have_learned_are_told():
    """Targets 1, 5 and 6 after the first item of each row; 0 and 5 have no training event."""
    mask = np.array([[True, True, True], [True, True, False]])
    rows = Sequences(np.array([[0, 1, 5], [2, 6, 0]]), np.zeros((2, 3)), mask, np.arange(2))
    data = NextItem(rows, (rows,), (), np.array([0, 3, 1, 0, 1, 0, 2]))
    (said,) = sequences.cold_targets(data, "test targets of `shop`")
    assert said.startswith("1 of the 3 test targets of `shop` (33.3 %) are items without a training event")
    assert sequences.cold_targets(data.replace(popularity=np.ones(7)), "test targets") == []


def test_a_log_knows_its_returns():
    """Eleven episodes return 0 to 10, half at each of two turns, the first at one alone; an empty row is no episode."""
    reward = np.repeat(np.arange(11.0, dtype=np.float32)[:, None] / 2, 2, axis=1)
    mask = np.arange(2)[None] < np.array([1, *[2] * 10])[:, None]
    rows = [np.append(x, np.full((1, 2), y, x.dtype), axis=0) for x, y in ((reward, 99), (mask, False))]
    facts = trajectories.return_facts(Trajectories(None, None, *rows))
    assert facts["return_range"] == (0.0, 10.0)
    np.testing.assert_allclose(facts["episode_returns"], range(11))


def test_sessions_need_times():
    made = declare.dataset("sequences", session_minutes=30.0)
    zeros = np.zeros(4, np.int64)
    log = Interactions(zeros, zeros, zeros.astype(np.float32), zeros, zeros.astype(np.int8), zeros[:1], zeros[:1])
    with pytest.raises(JaxrecError, match="session_minutes is 30, but .* has no times: set it to 0"):
        sequences.of_log(made, lambda: log)

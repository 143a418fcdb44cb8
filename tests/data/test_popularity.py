"""Popularity by events and by users: one user's many events make an item popular by the first alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from jaxrec.algorithms.static import popular
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.config import declare
from jaxrec.data.next_item import next_item
from jaxrec.data.popularity import item_popularity
from jaxrec.experiment.kinds import environment
from tests.data.session_logs import table

# (user, item, time): user 0 repeats item 0, which users 1 to 3 never meet; items 1 and 2 have three and two users.
EVENTS = [(0, 0, t) for t in range(6)] + [(u, i, 10 * u + i) for u, i in ((1, 1), (1, 2), (2, 1), (2, 2), (3, 1))]
HELD_OUT = [(4, 2, 50), (4, 2, 51)]


@pytest.fixture(scope="module")
def log():
    made = table(EVENTS + HELD_OUT)
    return dataclasses.replace(made, split=np.where(made.user == 4, TEST, TRAIN).astype(np.int8))


def test_counts(log):
    learned = log.where(log.split == TRAIN)
    assert item_popularity(learned).tolist() == item_popularity(learned, "events").tolist() == [6, 3, 2]
    assert item_popularity(learned, "users").tolist() == [1, 3, 2]
    with pytest.raises(JaxrecError, match="popularity is 'rows': set it to 'events' or 'users'"):
        item_popularity(learned, "rows")


def test_one_option_for_all_that_counts(log):
    """The policy that shows the most popular, novelty, and the long tail of sequences."""
    for counted, best, counts in (("events", 0, [6, 3, 2]), ("users", 1, [1, 3, 2])):
        algorithm = popular.make(declare.algorithm("static.popular", popularity=counted), EnvironmentSpec(5, 3, 4))
        assert int(algorithm.estimate(log)["popular"]["logits"].argmax()) == best
        assert environment.catalogue(log, counted).popularity.tolist() == counts
        assert next_item(log, length=3, test=TEST, popularity=counted).popularity.tolist() == counts
    with pytest.raises(JaxrecError, match="algorithm.popularity is 'rows'"):
        popular.make(declare.algorithm("static.popular", popularity="rows"), EnvironmentSpec(5, 3, 4))

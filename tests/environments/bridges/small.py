"""A world of 9 users and 14 items in which users leave and are cut off, and its oracle."""

from __future__ import annotations

import numpy as np

from jaxrec.environments import feedback_matrix
from tests.environments import oracles, play

MAX_TURN = 6


def make():
    """(environment, params): one pair of items in twelve is too near, by a threshold between two distances."""
    arguments = {"interactions": play.log(), "user_model": play.factors()}
    _, params = feedback_matrix.make(play.config(), **arguments)
    distances = np.unique(np.round(np.asarray(params.exit_rule.distance), 4))[1:]
    threshold = float(distances[len(distances) // 12 :][:2].mean())
    return feedback_matrix.make(play.config(threshold=threshold, max_turn=MAX_TURN, window=3), **arguments)


def oracle(params, user: int, *, exits: bool = True, max_turn: int = MAX_TURN) -> oracles.FeedbackMatrix:
    """The same user in plain Python, float64."""
    matrix = np.asarray(params.rewards.matrix)
    rule = oracles.DistanceRule(matrix, float(params.exit_rule.threshold), 3, "easyrl4rec")
    return oracles.FeedbackMatrix(matrix, rule, user, exits=exits, max_turn=max_turn)


def read(observation: np.ndarray, max_turn: int = MAX_TURN) -> tuple[int, int, float, int]:
    """(user, item, feedback, turn) of a compact observation [4]."""
    user, item, feedback, turn = observation.astype(np.float64)
    found = user * (play.USERS - 1), item * (play.ITEMS - 1), turn * max_turn
    assert np.allclose(found, np.round(found), atol=1e-4)
    return int(round(found[0])), int(round(found[1])), feedback, int(round(found[2]))

"""Feedback matrices small enough to know the best policy of."""

from __future__ import annotations

import numpy as np

from jaxrec.base.records import Interactions
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import feedback_matrix


def environment(matrix, **rules):
    """(environment, params, spec) of a fully observed matrix [N, A]; rules override the environment's defaults."""
    matrix = np.asarray(matrix, np.float32)
    num_users, num_items = matrix.shape
    user, item = (index.reshape(-1).astype(np.int32) for index in np.indices(matrix.shape))
    log = Interactions(
        user=user,
        item=item,
        feedback=matrix.reshape(-1),
        time=np.zeros(matrix.size, np.int64),
        split=np.zeros(matrix.size, np.int8),
        user_ids=np.arange(num_users),
        item_ids=np.arange(num_items),
        name="known",
    )
    config = feedback_matrix.defaults()
    config.update(rules)
    env, env_params = feedback_matrix.make(config, interactions=log)
    spec = EnvironmentSpec(num_users, num_items, int(config.max_turn), reward_range=(1.0, 5.0), environment=env)
    return env, env_params, spec


def tastes(num_users: int = 8):
    """Even users love items 0 and 1, odd users 2 and 3; 4 and 5 please nobody. Columns are all far from each other."""
    matrix = np.ones((num_users, 6))
    matrix[::2, [0, 1]] = 5.0
    matrix[1::2, [2, 3]] = 5.0
    matrix[::2, 1] = 4.0
    matrix[1::2, 3] = 4.0
    return matrix

"""The online learners, on users whose best items only feedback tells.

12 turns, no exits. A policy that shows one user's favourite first and then stays or changes earns 58 on average, the
best single item for everybody at most 36, a random policy 26.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec import algorithms
from jaxrec.training import loop
from tests.algorithms.actor_critic import problems
from tests.algorithms.actor_critic.test_a2c import play

# steps of the loop, options
CASES = {
    "ppo": (60, {}),
    "dqn": (200, {"epsilon_steps": 6_000}),
    "sac": (300, {}),
    "td3": (250, {}),
    "ddpg": (250, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_finds_what_each_user_likes(name):
    num_steps, changes = CASES[name]
    env, env_params, spec = problems.environment(problems.tastes(), exits=False, max_turn=12)
    module = algorithms.load(f"actor_critic.{name}")
    config = module.defaults()
    config.update({"width": 8, "hidden": (32,), "discount": 0.9} | changes)
    if "groups" in config.optimizer and "actor" in config.optimizer.groups:
        config.optimizer.groups.actor.learning_rate = 1e-3  # a short run
    algorithm = module.make(config, spec)
    state = loop.fit(algorithm.learner, algorithm.source, env_params, num_steps=num_steps, steps_per_call=num_steps)
    params = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf[0])), state.params)
    earned, length = play(env, env_params, algorithm.policy, params)
    assert length == 12.0
    assert 50.0 < earned <= 58.5

"""How fast does an A2C policy collect steps in a Coat-rule environment, by state encoder?

1,024 users, sampled actions, auto-reset; the histories are recorded, because training needs them. The matrix is a
synthetic 290 x 300 with distances like Coat's. `update_steps_per_s` counts the same steps with one A2C update after
every 15.

    python -m benchmarks.collect [--out FILE]
"""

from __future__ import annotations

import sys

import jax
import numpy as np

from benchmarks.timing import measure, report
from jaxrec.algorithms.actor_critic import a2c
from jaxrec.base.records import Interactions
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import feedback_matrix
from jaxrec.training.loop import make_block, seed_keys

NUM_USERS, NUM_ITEMS, NUM_ENVS = 290, 300, 1024


def interactions() -> Interactions:
    """Makes the log of a fully observed matrix: user and item biases and four factors, clipped to 1-5."""
    draw = np.random.default_rng(0)
    factors = draw.normal(0, 0.5, (NUM_USERS, 4)) @ draw.normal(0, 0.5, (4, NUM_ITEMS))
    biases = draw.normal(0, 0.5, (NUM_USERS, 1)) + draw.normal(0, 0.3, (1, NUM_ITEMS))
    matrix = np.clip(2.3 + factors + biases, 1, 5).astype(np.float32)
    user, item = (index.reshape(-1).astype(np.int32) for index in np.indices(matrix.shape))
    rows = len(user)
    return Interactions(
        user=user,
        item=item,
        feedback=matrix.reshape(-1),
        time=np.zeros(rows, np.int64),
        split=np.zeros(rows, np.int8),
        user_ids=np.arange(NUM_USERS),
        item_ids=np.arange(NUM_ITEMS),
        name="synthetic",
    )


def collect(encoder: str, num_steps: int = 60) -> None:
    """Reports the steps per second with one state encoder."""
    env, env_params = feedback_matrix.make(feedback_matrix.defaults(), interactions=interactions())
    spec = EnvironmentSpec(NUM_USERS, NUM_ITEMS, 30, reward_range=(1.0, 5.0), environment=env)
    config = a2c.defaults()
    config.encoder, config.num_envs, config.num_steps = encoder, NUM_ENVS, num_steps
    algorithm = a2c.make(config, spec)
    key_init, key_source, key_run = jax.random.split(jax.random.key(0), 3)
    params = algorithm.learner.init(key_init).params
    state = algorithm.source.init(env_params, params, key_source)
    figures = measure(jax.jit(algorithm.source.next), env_params, state, params, key_run)
    report(
        f"collect_{encoder}",
        **figures,
        steps_per_s=NUM_ENVS * num_steps / figures["median_s"],
        update_steps_per_s=_with_updates(config, spec, env_params),
        num_envs=NUM_ENVS,
        window=config.window,
        width=config.width,
    )


def _with_updates(config, spec: EnvironmentSpec, env_params, num_updates: int = 8) -> float:
    """Returns the steps per second with an update after every 15."""
    config.num_steps = 15
    algorithm = a2c.make(config, spec)
    keys = seed_keys(0, 1)

    def start(key):
        state = algorithm.learner.init(key)
        return state, algorithm.source.init(env_params, state.params, key)

    carry = jax.jit(jax.vmap(start))(keys)
    block = make_block(algorithm.learner, algorithm.source)
    figures = measure(lambda: block(jax.tree.map(lambda x: x.copy(), carry), env_params, keys, num_updates), repeats=5)
    return NUM_ENVS * 15 * num_updates / figures["median_s"]


if __name__ == "__main__":
    chosen = [argument for argument in sys.argv[1:] if argument in ("average", "gru", "sasrec")]
    for name in chosen or ("average", "gru", "sasrec"):
        collect(name)

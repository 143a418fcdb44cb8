"""How many environment steps per second do DDPG and TD3 make and learn from, at MovieLens-1M's size?

6,040 users, 3,952 items, exit rule and threshold of ML-1M, one seed. Timed is the whole loop: act, step, store, sample,
update. The matrix is synthetic, of rank 8; what it contains does not change the time. There are two replay ratios, both
with batches of 64:

  published  100 users, 13 updates per 100 steps (EasyRL4Rec's run_DDPG.py: 0.125 updates per step)
  one        100 users, 100 updates per 100 steps

EasyRL4Rec's published log has DDPG on ML-1M at 15 steps/s (1M steps in 65,576 s, evaluations included, on its own
machine), and DDPG and TD3 at 15 to 25; `speedup` divides by 25. The peer does not run here, because EasyRL4Rec does not
install from PyPI.

    python -m benchmarks.actor_critic [ddpg] [td3] [sac] [dqn] [--out FILE]
"""

from __future__ import annotations

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import measure, report
from jaxrec import algorithms
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import exit_rules, feedback_matrix, rewards
from jaxrec.training.loop import make_block, seed_keys

NUM_USERS, NUM_ITEMS, WINDOW, THRESHOLD, MAX_TURN = 6040, 3952, 7, 75.0, 30
NUM_ENVS, ROUNDS, PUBLISHED = 100, 20, 25.0
UPDATES = {"published": 13, "one": 100}  # per round of NUM_ENVS steps


def environment() -> tuple[feedback_matrix.FeedbackMatrix, feedback_matrix.EnvParams]:
    """Makes the dense form straight from a matrix: a log would have 24 million ratings to sort and then to drop."""
    draw = np.random.default_rng(0)
    user, item = draw.normal(0, 0.5, (NUM_USERS, 8)), draw.normal(0, 0.7, (NUM_ITEMS, 8))
    matrix = np.clip(3.5 + user @ item.T, 0, 5).astype(np.float32)
    params = feedback_matrix.EnvParams(
        rewards=rewards.Dense(jnp.asarray(matrix)),
        exit_rule=exit_rules.Distance(jnp.asarray(exit_rules.column_distances(matrix)), jnp.float32(THRESHOLD)),
        exits=jnp.asarray(True),
        max_steps_in_episode=MAX_TURN,
        window=WINDOW,
        window_mode="easyrl4rec",
    )
    return feedback_matrix.FeedbackMatrix(params), params


def train(name: str, ratio: str, env, env_params) -> None:
    """Reports the steps per second of one algorithm at one replay ratio."""
    module = algorithms.load(f"actor_critic.{name}")
    config = module.defaults()
    config.update({"num_envs": NUM_ENVS, "num_steps": 1, "num_updates": UPDATES[ratio], "batch_size": 64})
    spec = EnvironmentSpec(NUM_USERS, NUM_ITEMS, MAX_TURN, reward_range=(0.0, 5.0), environment=env)
    algorithm = module.make(config, spec)
    keys = seed_keys(0, 1)

    @partial(jax.vmap, in_axes=(0, None))
    def start(key, env_params):
        state = algorithm.learner.init(key)
        return state, algorithm.source.init(env_params, state.params, key)

    carry = jax.jit(start)(keys, env_params)
    block = make_block(algorithm.learner, algorithm.source)

    def advance():
        nonlocal carry
        carry, metrics = block(carry, env_params, keys, ROUNDS)
        return metrics

    figures = measure(advance, repeats=7)
    steps_per_s = NUM_ENVS * ROUNDS / figures["median_s"]
    report(
        f"train_{name}_{ratio}",
        **figures,
        steps_per_s=steps_per_s,
        updates_per_s=steps_per_s * UPDATES[ratio] / NUM_ENVS,
        speedup=steps_per_s / PUBLISHED,
        num_users=NUM_USERS,
        num_items=NUM_ITEMS,
        num_envs=NUM_ENVS,
        batch_size=64,
        updates_per_step=UPDATES[ratio] / NUM_ENVS,
    )


if __name__ == "__main__":
    chosen = [argument for argument in sys.argv[1:] if argument in ("ddpg", "td3", "sac", "dqn")]
    env_and_params = environment()
    for algorithm_name in chosen or ("ddpg", "td3"):
        for ratio_name in UPDATES:
            train(algorithm_name, ratio_name, *env_and_params)

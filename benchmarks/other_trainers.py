"""What does Stable-Baselines3's PPO learn through the bridge, beside what needs no learning?

The environment is the README's for own ratings, made of Coat's training ratings and left by EasyRL4Rec's rule for Coat
(window 7, threshold 6). PPO has its own defaults but for the lengths of its rollouts and batches, 64 users, and one
seed. It is evaluated on 1,000 episodes of the environment that it was trained in, actions sampled as in training and
greedy; `random` and `static_cycle` (which is given the mean rewards and the distances) on as many. JAXREC_DATA names
the folder of data.

    python -m benchmarks.other_trainers [--out FILE]
"""

from __future__ import annotations

import os
import time
from typing import Any

import jax
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

from benchmarks.timing import report
from jaxrec.algorithms.static import random as random_policy
from jaxrec.algorithms.static import static_cycle
from jaxrec.algorithms.user_models import matrix_factorization
from jaxrec.base import specs
from jaxrec.data import datasets
from jaxrec.environments import bridges, feedback_matrix
from jaxrec.environments import spec as environment_spec
from jaxrec.evaluation import episodes
from jaxrec.training import loop

EPISODES = 1_000


def simulator() -> tuple[Any, Any]:
    """Makes (environment, params) from ratings by the README's lines."""
    log = datasets.load("coat", os.environ["JAXREC_DATA"])
    log = log.where(log.split == 0)
    spec = specs.RatingsSpec(log.num_users, log.num_items, feedback_range=(1.0, 5.0))
    model = matrix_factorization.make(matrix_factorization.defaults(), spec)
    state = loop.fit(model.learner, model.source, matrix_factorization.ratings(log), num_steps=2000)
    factors = matrix_factorization.factors(jax.tree.map(lambda leaf: leaf[0], state.params))
    return feedback_matrix.make(feedback_matrix.defaults(), interactions=log, user_model=factors)


def reference(env: Any, params: Any, module: Any, selection: str) -> float:
    """Returns the mean return of a policy of ours."""
    algorithm = module.make(module.defaults(), environment_spec.of(env, params))
    estimated = algorithm.estimate(None, **env.item_facts(params))
    play = episodes.player(env, algorithm.policy, modes=("FB",), num_episodes=EPISODES, selection=selection)
    return float(play(estimated, params, None, jax.random.key(0))["FB/R_cumu"])


def ppo(env: Any, params: Any, observation: str, steps: int) -> dict[str, float]:
    """Trains PPO; returns its mean returns before and after, and the seconds of training."""
    users = VecMonitor(bridges.stable_baselines3(env, params, num_envs=64, observation=observation))
    users.seed(0)
    agent = PPO("MlpPolicy", users, n_steps=32, batch_size=256, seed=0, device="cpu")

    def returned(deterministic: bool) -> float:
        return float(evaluate_policy(agent, users, n_eval_episodes=EPISODES, deterministic=deterministic)[0])

    before = returned(False)
    start = time.perf_counter()
    agent.learn(steps)
    seconds = time.perf_counter() - start
    return {"before": before, "sampled": returned(False), "greedy": returned(True), "train_s": seconds}


def main(steps: int = 200_000) -> None:
    torch.set_num_threads(2)
    env, params = simulator()
    ours = {
        "random": reference(env, params, random_policy, "sample"),
        "static_cycle": reference(env, params, static_cycle, "greedy"),
    }
    for observation in bridges.OBSERVATIONS:
        report(
            "trainer_stable_baselines3_ppo",
            observation=observation,
            steps=steps,
            **ppo(env, params, observation, steps),
            **ours,
        )


if __name__ == "__main__":
    main()

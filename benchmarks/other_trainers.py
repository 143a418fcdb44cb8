"""What does Stable-Baselines3 learn through the bridge, beside what needs no learning?

PPO in the mode FB, by either observation, and sb3-contrib's MaskablePPO in the mode NX_0. The environment is the
README's for own ratings, made of Coat's training ratings and left by EasyRL4Rec's rule for Coat (window 7 and threshold
6). Both have their own defaults but for rollouts of 32 turns of 64 users, batches of 256 and a learning rate of 0.001;
one seed. They are evaluated on 1,000 episodes of the environment that they were trained in, actions sampled as in
training and greedy; `random` and `static_cycle` (which is given the mean rewards and the distances) on as many.
JAXREC_DATA names the folder of data.

    python -m benchmarks.other_trainers [compact one_hot masked] [--out FILE]
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import jax
import sb3_contrib
import stable_baselines3
import torch
from sb3_contrib.common.maskable import evaluation as masked
from stable_baselines3.common import evaluation
from stable_baselines3.common.vec_env import VecMonitor

from benchmarks.timing import report
from jaxrec.algorithms.static import random as random_policy
from jaxrec.algorithms.static import static_cycle
from jaxrec.algorithms.user_models import matrix_factorization
from jaxrec.base import specs
from jaxrec.base.records import TRAIN
from jaxrec.data import datasets
from jaxrec.environments import bridges, feedback_matrix
from jaxrec.environments import spec as environment_spec
from jaxrec.evaluation import episodes
from jaxrec.training import loop

EPISODES = 1_000
CASES = {
    "compact": ("ppo", "FB", "compact"),
    "one_hot": ("ppo", "FB", "one_hot"),
    "masked": ("maskable_ppo", "NX_0", "one_hot"),
}


def simulator() -> tuple[Any, Any]:
    """Makes (environment, params) from ratings by the README's lines."""
    log = datasets.load("coat", os.environ["JAXREC_DATA"])
    log = log.where(log.split == TRAIN)
    spec = specs.RatingsSpec(log.num_users, log.num_items, feedback_range=(1.0, 5.0))
    model = matrix_factorization.make(matrix_factorization.defaults(), spec)
    state = loop.fit(model.learner, model.source, matrix_factorization.ratings(log), num_steps=2000)
    factors = matrix_factorization.factors(jax.tree.map(lambda leaf: leaf[0], state.params))
    return feedback_matrix.make(feedback_matrix.defaults(), interactions=log, user_model=factors)


def reference(env: Any, params: Any, module: Any, mode: str, selection: str) -> float:
    """Returns the mean return of a policy of ours."""
    algorithm = module.make(module.defaults(), environment_spec.of(env, params))
    estimated = algorithm.estimate(None, **env.item_facts(params))
    play = episodes.player(env, algorithm.policy, modes=(mode,), num_episodes=EPISODES, selection=selection)
    return float(play(estimated, params, None, jax.random.key(0))[f"{mode}/R_cumu"])


def trained(env: Any, params: Any, method: str, mode: str, observation: str, steps: int) -> dict[str, float]:
    """Trains; returns the mean returns before and after, and the seconds of training."""
    make, measure = {
        "ppo": (stable_baselines3.PPO, evaluation.evaluate_policy),
        "maskable_ppo": (sb3_contrib.MaskablePPO, masked.evaluate_policy),
    }[method]
    users = VecMonitor(bridges.stable_baselines3(env, params, num_envs=64, mode=mode, observation=observation))
    users.seed(0)
    agent = make("MlpPolicy", users, n_steps=32, batch_size=256, learning_rate=0.001, seed=0, device="cpu")

    def returned(deterministic: bool) -> float:
        return float(measure(agent, users, n_eval_episodes=EPISODES, deterministic=deterministic)[0])

    before = returned(False)
    start = time.perf_counter()
    agent.learn(steps)
    seconds = time.perf_counter() - start
    return {"before": before, "sampled": returned(False), "greedy": returned(True), "train_s": seconds}


def main(steps: int = 100_000) -> None:
    """Reports each case."""
    torch.set_num_threads(1)
    env, params = simulator()
    chosen = [name for name in CASES if name in sys.argv[1:]] or CASES
    for method, mode, observation in (CASES[name] for name in chosen):
        learned = trained(env, params, method, mode, observation, steps)
        report(
            f"trainer_stable_baselines3_{method}",
            **learned,
            random=reference(env, params, random_policy, mode, "sample"),
            static_cycle=reference(env, params, static_cycle, mode, "greedy"),
            mode=mode,
            observation=observation,
            steps=steps,
        )


if __name__ == "__main__":
    main()

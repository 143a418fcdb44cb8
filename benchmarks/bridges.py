"""How many steps per second do other people's trainers get through the bridges, beside the environment itself?

Random actions in an environment with Coat's exit rule (290 x 300, synthetic), with automatic resets. `five_values` runs
in a compiled scan, as the environment itself does; `vector` is called from Python, once a turn, with actions that were
drawn before, and gives NumPy; beside it stands the same environment written in plain Gymnasium, under SyncVectorEnv.
All cases of one number of users take turns in the same run.

    python -m benchmarks.bridges [--out FILE]
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.environments import log, random_items
from benchmarks.peers import gymnasium_coat
from benchmarks.timing import in_turn, report
from jaxrec.environments import bridges, feedback_matrix
from jaxrec.environments.sampling import uniform_index

SCANNED, CALLED = 1_000, 50  # turns of one run, in a compiled scan and called from Python


def simulator() -> tuple[Any, Any]:
    """Makes (environment, params) in which one pair of items in a hundred is too near."""
    interactions, config = log(290, 300), feedback_matrix.defaults()
    _, params = feedback_matrix.make(config, interactions=interactions)
    distance = np.asarray(params.exit_rule.distance)
    config.threshold = float(np.quantile(distance[distance > 0], 0.01))
    return feedback_matrix.make(config, interactions=interactions)


def timed(run: Callable[[], Any]) -> Callable[[], float]:
    """Makes a function that runs it and returns the seconds."""

    def seconds() -> float:
        start = time.perf_counter()
        jax.block_until_ready(run())
        return time.perf_counter() - start

    return seconds


def environment_itself(env: Any, params: Any, num_envs: int) -> Callable[[], float]:
    play = random_items(env, num_envs, SCANNED)
    _, state = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(0), num_envs), params)
    return timed(lambda: play(params, state, jax.random.key(2)))


def five_values(env: Any, params: Any, num_envs: int) -> Callable[[], float]:
    """Makes what `environment_itself` does of the five-value environment, all that it returns recorded as there."""
    env, params = bridges.five_values(env, params)

    def turn(params: Any, state: Any, key: Any) -> tuple[Any, Any]:
        key_action, key_step = jax.random.split(key)
        action = uniform_index(jax.random.bits(key_action, (num_envs,), jnp.uint32), env.num_actions)
        keys = jax.random.split(key_step, num_envs)
        observation, state, reward, done, info = jax.vmap(env.step, (0, 0, 0, None))(keys, state, action, params)
        return state, (observation, action, reward, done, info["truncated"])

    @jax.jit
    def play(params: Any, state: Any, key: Any) -> Any:
        return jax.lax.scan(lambda s, k: turn(params, s, k), state, jax.random.split(key, SCANNED))

    _, state = jax.vmap(env.reset, (0, None))(jax.random.split(jax.random.key(0), num_envs), params)
    return timed(lambda: play(params, state, jax.random.key(2)))


def vector(env: Any, params: Any, num_envs: int, observation: str) -> Callable[[], float]:
    users = bridges.gymnasium_vector(env, params, num_envs=num_envs, observation=observation, autoreset_mode="SameStep")
    users.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, 300, (CALLED, num_envs))

    def play() -> None:
        for row in actions:
            users.step(row)

    return timed(play)


def measure(num_envs: int, rounds: int = 15) -> None:
    """Reports all cases of B = `num_envs` users."""
    env, params = simulator()
    matrix, distance = np.asarray(params.rewards.matrix), np.asarray(params.exit_rule.distance)
    threshold = float(params.exit_rule.threshold)
    peer, _ = gymnasium_coat.steps_per_second(matrix, distance, threshold, num_envs=num_envs, num_steps=CALLED)
    scanned = {"itself": environment_itself(env, params, num_envs), "five_values": five_values(env, params, num_envs)}
    called = {f"vector_{name}": vector(env, params, num_envs, name) for name in bridges.OBSERVATIONS}
    called["gymnasium"] = timed(peer)
    times = in_turn(scanned, rounds, 1) | in_turn(called, rounds, 1)
    turns = dict.fromkeys(scanned, SCANNED) | dict.fromkeys(called, CALLED)
    rate = {name: turns[name] * num_envs / statistics.median(seconds) for name, seconds in times.items()}
    for name in ("five_values", *(name for name in called if name != "gymnasium")):
        figures = {"median_s": statistics.median(times[name]), "min_s": min(times[name]), "max_s": max(times[name])}
        report(
            f"bridge_{name}",
            **figures,
            steps_per_s=rate[name],
            environment_steps_per_s=rate["itself"],
            peer_steps_per_s=rate["gymnasium"],
            num_envs=num_envs,
        )


if __name__ == "__main__":
    for size in (64, 1024):
        measure(size)

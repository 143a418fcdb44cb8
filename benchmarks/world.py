"""How long does it take to generate the world, to log its users and to step them, also with a million items?

Steps are those of uniformly random actions with auto-reset; nothing but the environment is timed.

    python -m benchmarks.world [--out FILE]
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from benchmarks.timing import measure, report
from jaxrec.data.datasets import embedded as dataset
from jaxrec.data.world import descriptions, generator, images
from jaxrec.environments import embedded, sampling
from jaxrec.environments.rollout import reset_rows

NUM_STEPS = 200


def stepping(env, env_params, num_envs: int) -> Callable:
    """Makes `run(key) -> (total reward, episodes)`, which plays NUM_STEPS turns of `num_envs` users."""

    def turn(carry, key):
        key_action, key_step, key_reset = jax.random.split(key, 3)
        action = sampling.uniform_index(jax.random.bits(key_action, (num_envs,)), env.num_actions)
        observation, state, reward, terminated, _ = jax.vmap(env.step_env, (0, 0, 0, None))(
            jax.random.split(key_step, num_envs), carry[1], action, env_params
        )
        done = terminated | jax.vmap(env.is_truncated, (0, None))(state, env_params)
        return reset_rows(env, env_params, key_reset, done, observation, state), (reward.sum(), done.sum())

    @jax.jit
    def run(key):
        key_reset, key_turns = jax.random.split(key)
        fresh = jax.vmap(env.reset_env, (0, None))(jax.random.split(key_reset, num_envs), env_params)
        _, sums = jax.lax.scan(turn, fresh, jax.random.split(key_turns, NUM_STEPS))
        return jax.tree.map(jnp.sum, sums)

    return run


def steps(size: str, num_envs: int) -> None:
    """Reports the steps per second in the world of that size."""
    config = embedded.defaults()
    config.world = generator.defaults(size)
    env, env_params = embedded.make(config)
    figures = measure(stepping(env, env_params, num_envs), jax.random.key(0), repeats=7)
    report(
        "world_steps",
        **figures,
        steps_per_s=num_envs * NUM_STEPS / figures["median_s"],
        num_envs=num_envs,
        num_items=config.world.num_items,
        num_users=config.world.num_users,
    )


def generation(size: str, repeats: int) -> None:
    """Reports the seconds of generating the world, its titles, and the images of at most some 10,000 items."""
    config = generator.defaults(size)
    world = generator.generate(config)
    pictured = range(0, world.num_items, max(1, world.num_items // 10_000))
    sizes = {"num_items": config.num_items, "num_users": config.num_users}
    report("world_generate", **measure(lambda: generator.generate(config), repeats=repeats, warmup=0), **sizes)
    report("world_titles", **measure(lambda: descriptions.titles(world), repeats=repeats, warmup=0), **sizes)
    figures = measure(lambda: images.images(world, list(pictured)), repeats=repeats, warmup=0)
    report("world_images", **figures, images_per_s=len(pictured) / figures["median_s"], **sizes)


def logging(size: str, num_users: int, repeats: int) -> None:
    """Reports the seconds of logging the sessions of so many users."""

    def load():
        return dataset.load(size=size, world={"num_users": num_users}, text=False, images=False)

    figures, rows = measure(load, repeats=repeats, warmup=0), load()
    report(
        "world_log",
        **figures,
        rows_per_s=len(rows) / figures["median_s"],
        num_items=rows.num_items,
        num_users=num_users,
    )


def main() -> None:
    for size in ("default", "million"):
        generation(size, repeats=3)
    logging("default", num_users=200, repeats=3)
    logging("million", num_users=2_000, repeats=3)
    for size, num_envs in (("default", 100), ("default", 1024), ("default", 8192), ("million", 1024)):
        steps(size, num_envs)


if __name__ == "__main__":
    main()

"""How many steps per second do the environments make under random actions with auto-reset, beside a Gymnasium peer?

Nothing but the environment is timed: the actions are drawn in the same scan, and all that an agent could record is
returned. The figures say what an environment costs and not how fast anything trains (see `collect.py`). `mean_length`
says how often users were reset. Virtual Taobao has the released weights where JAXREC_DATA names the folder of data,
else random ones of the same shapes.

    python -m benchmarks.environments [--out FILE]
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers import gymnasium_coat
from benchmarks.timing import measure, report
from jaxrec.base import episode_keys
from jaxrec.base.records import Interactions
from jaxrec.environments import feedback_matrix, rollout, virtual_taobao
from jaxrec.environments.sampling import uniform_index


def log(num_users: int, num_items: int) -> Interactions:
    """Makes the log of a fully observed matrix of rank four plus noise, 1 to 5; items have up to 4 of 31 categories."""
    draw = np.random.default_rng(0)
    matrix = 3 + 0.7 * draw.normal(size=(num_users, 4)) @ draw.normal(size=(4, num_items)) / 2
    matrix = np.clip(matrix + 0.3 * draw.normal(size=matrix.shape), 1, 5).astype(np.float32)
    user, item = (index.reshape(-1).astype(np.int32) for index in np.indices(matrix.shape))
    category = np.zeros((num_items, 31), bool)
    for _ in range(4):
        category[np.arange(num_items), draw.integers(0, 31, num_items)] |= draw.random(num_items) < 0.5
    return Interactions(
        user=user,
        item=item,
        feedback=matrix.reshape(-1),
        time=np.zeros(len(user), np.int64),
        split=np.zeros(len(user), np.int8),
        user_ids=np.arange(num_users),
        item_ids=np.arange(num_items),
        item_features={"category": category},
        name="synthetic",
    )


def random_items(env: Any, num_envs: int, num_steps: int) -> Callable[..., Any]:
    """Makes the jitted `play(params, env_state, key) -> (env_state, all that is recorded, [T, B] each)`."""

    def turn(params: Any, env_state: Any, key: Any) -> tuple[Any, Any]:
        key_action, key_reset = jax.random.split(key)
        action = uniform_index(jax.random.bits(key_action, (num_envs,), jnp.uint32), env.num_actions)
        observation, env_state, reward, terminated, _ = jax.vmap(env.step_env, (None, 0, 0, None))(
            key_action, env_state, action, params
        )
        truncated = jax.vmap(env.is_truncated, (0, None))(env_state, params)
        observation, env_state = rollout.reset_rows(
            env, params, key_reset, terminated | truncated, observation, env_state
        )
        return env_state, (observation, action, reward, terminated, truncated)

    def play(params: Any, env_state: Any, key: Any) -> tuple[Any, Any]:
        return jax.lax.scan(lambda s, k: turn(params, s, k), env_state, jax.random.split(key, num_steps))

    return jax.jit(play)


def time_items(name: str, env: Any, params: Any, num_envs: int, num_steps: int, **fields: Any) -> float:
    """Reports, with further fields of the line, and returns the steps per second of an environment over items."""
    play = random_items(env, num_envs, num_steps)
    _, state = jax.vmap(env.reset_env, (0, None))(jax.random.split(jax.random.key(0), num_envs), params)
    figures = measure(play, params, state, jax.random.key(2), repeats=20)
    *_, terminated, truncated = play(params, state, jax.random.key(1))[1]
    ended = int(jnp.sum(terminated | truncated))
    steps = num_envs * num_steps
    rate = steps / figures["median_s"]
    report(name, **figures, steps_per_s=rate, num_envs=num_envs, mean_length=steps / max(ended, 1), **fields)
    return rate


def coat() -> None:
    """Times Coat's exit rule, and the same environment in Gymnasium."""
    interactions = log(290, 300)
    config = feedback_matrix.defaults()
    _, params = feedback_matrix.make(config, interactions=interactions)
    distance = np.asarray(params.exit_rule.distance)
    config.threshold = float(np.quantile(distance[distance > 0], 0.01))
    env, params = feedback_matrix.make(config, interactions=interactions)
    matrix = np.asarray(params.rewards.matrix)
    play, steps = gymnasium_coat.steps_per_second(matrix, distance, config.threshold)
    figures = measure(play, repeats=5)
    peer = steps / figures["median_s"]
    report("env_coat_rule_gymnasium", **figures, steps_per_s=peer, num_envs=100)
    for num_envs, num_steps in ((100, 1000), (8192, 50)):
        rate = time_items(f"env_coat_rule_{num_envs}", env, params, num_envs, num_steps, peer_steps_per_s=peer)
        print(f"# {rate / peer:.0f} x gymnasium.vector.SyncVectorEnv", flush=True)


def kuairec() -> None:
    """Times KuaiRec's exit rule at its size."""
    config = feedback_matrix.defaults()
    config.update({"exit_rule": "category", "threshold": 1.0, "window": 9})
    env, params = feedback_matrix.make(config, interactions=log(1411, 3327))
    time_items("env_kuairec_rule_100", env, params, 100, 1000)


def random_weights() -> virtual_taobao.EnvParams:
    """Makes random networks of the released shapes, whose users leave after 7.7 pages in the mean."""
    draw, networks = np.random.default_rng(0), {}
    for name, sizes in virtual_taobao.SHAPES.items():
        layers = [
            (jnp.asarray(draw.normal(size=s), jnp.float32) / s[0] ** 0.5, jnp.zeros(s[1]))
            for s in zip(sizes[:-1], sizes[1:], strict=True)
        ]
        networks[name] = layers
    kernel, _ = networks["leave"][-1]
    networks["leave"][-1] = (kernel * 0, -jnp.arange(101.0) / 7.5)
    generator, response, leave = (tuple(networks[name]) for name in ("generator", "action", "leave"))
    return virtual_taobao.EnvParams(generator, response, leave, jnp.float32(1), "page", 0, "last_n", 100)


def taobao(num_envs: int = 1024, num_steps: int = 100) -> None:
    """Times Virtual Taobao by our rollout, under uniform actions."""
    root = os.environ.get("JAXREC_DATA")
    if root is not None and (Path(root) / "virtual_taobao").is_dir():
        env, params = virtual_taobao.make(virtual_taobao.defaults(), root=root)
    else:
        root, params = None, random_weights()
        env = virtual_taobao.VirtualTaobao(params)

    def act(params: Any, carry: Any, observation: Any, key: Any) -> tuple[Any, Any]:
        shape = (num_envs, virtual_taobao.ACTION)
        return carry, episode_keys.draw(jax.random.uniform, key, shape, minval=-1.0, maxval=1.0)

    policy = rollout.Policy(init=lambda params, num_users: (), act=act)
    play = jax.jit(
        lambda params, state, key: rollout.rollout(
            env, params, policy, None, state, key, num_steps=num_steps, auto_reset=True, selection="sample"
        )
    )
    state = rollout.start(env, params, policy, None, jax.random.key(0), num_envs)
    figures = measure(play, params, state, jax.random.key(1), repeats=10)
    _, steps = play(params, *play(params, state, jax.random.key(1))[:1], jax.random.key(2))
    count = num_envs * num_steps
    report(
        f"env_virtual_taobao_{num_envs}",
        **figures,
        steps_per_s=count / figures["median_s"],
        num_envs=num_envs,
        mean_length=count / max(int(jnp.sum(steps.terminated)), 1),
        weights="random" if root is None else "released",
    )


if __name__ == "__main__":
    coat()
    kuairec()
    taobao()

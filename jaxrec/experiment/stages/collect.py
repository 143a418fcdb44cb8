"""The `collect` stage: episodes of a fitted policy, mixed with its randomised selves, as trajectories for offline
learning."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import episode_keys, ranges
from jaxrec.base.contracts import Array, Params, Policy
from jaxrec.base.episode_keys import EpisodeKey
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation, Trajectories
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import modes, rollout
from jaxrec.experiment.kinds import trajectories as logs
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import save_arrays
from jaxrec.losses.returns_to_go import returns_to_go
from jaxrec.reporting.progress import Progress

PRODUCES = "trajectories"
LEAVES_MODEL = False
GROWS = ""


def inputs(config: ConfigDict, name: str) -> list[str]:
    stage = config.stages[name]
    return [stage.policy, stage.on]


def models(config: ConfigDict, name: str) -> list[str]:
    return [config.stages[name].policy]


def describe(stage: ConfigDict) -> str:
    return f"collect {stage.num_episodes:,} episodes of {stage.policy} in {stage.on}"


def options(resources: Resources, name: str) -> dict[str, Any]:
    stage = resources.config.stages[name].to_dict()
    return {"num_episodes": stage["num_episodes"], "mixture": stage["mixture"], "seed": resources.config.seed}


def contents(resources: Resources, name: str) -> dict[str, str]:
    stage = resources.config.stages[name]
    return {"policy": resources.stage_fingerprint(stage.policy), "data": resources.content(stage.on).learned}


def check(resources: Resources, name: str) -> None:
    stage = resources.config.stages[name]
    ranges.check(f"stage {name!r}: ", stage, {"num_episodes": ranges.COUNT})
    played, policy = resources.spec(stage.on), resources.algorithm(stage.policy).policy
    if not isinstance(played, EnvironmentSpec):
        raise JaxrecError(f"stage {name!r}: episodes are played in environments, and {stage.on!r} is none")
    if policy is None:
        raise JaxrecError(f"stage {name!r}: {stage.policy!r} is no policy, so it plays no episodes")
    try:
        modes.check_turns(policy, stage.policy, played.max_turn)
    except JaxrecError as error:
        raise JaxrecError(f"stage {name!r}: {error}") from error
    episode_kinds(stage.mixture, stage.num_episodes)


def with_random_steps(policy: Policy, epsilon: np.ndarray, spec: EnvironmentSpec) -> Policy:
    """The policy, but user b's step is uniformly random with probability epsilon[b] (items, or actions in [-1, 1])."""

    def act(params: Params, carry: Any, observation: Observation, key: EpisodeKey) -> tuple[Any, Array]:
        key_act, key_coin, key_draw = episode_keys.split(key, 3)
        carry, action = policy.act(params, carry, observation, key_act)
        box = partial(jax.random.uniform, minval=-1, maxval=1)
        random = episode_keys.draw(box, key_draw, action.shape) if spec.action_size else 0.0
        coin = episode_keys.draw(jax.random.uniform, key_coin, epsilon.shape) < epsilon
        return carry, jnp.where(coin[:, None], random, action)

    return policy._replace(act=act, diagnostics=None)


def episode_kinds(mixture: ConfigDict, num_episodes: int) -> list[str]:
    """The kind of each episode: shares of the whole, the last kind takes the remainder.

    Raises:
      JaxrecError: shares that do not sum to one, or a probability outside [0, 1].
    """
    shares = [share for share, _ in mixture.values()]
    if not abs(sum(shares) - 1) <= 1e-6 or min(shares) < 0:
        raise JaxrecError(f"the mixture's shares {shares} must be positive and sum to 1")
    if not all(0 <= epsilon <= 1 for _, epsilon in mixture.values()):
        raise JaxrecError("a mixture's probability of a random step must lie in [0, 1]")
    edges = np.round(np.cumsum(shares) * num_episodes).astype(int)
    return [list(mixture)[int(np.searchsorted(edges, i, side="right"))] for i in range(num_episodes)]


def run(resources: Resources, name: str, progress: Progress) -> dict[str, Any]:
    """Logs stage `name`'s episodes into its folder; returns what each kind of episode earned."""
    config = resources.config.stages[name]
    fitted = resources.fitted(config.policy)
    env_params, spec = resources.dataset(config.on)
    environment = spec.environment
    leaves = jax.tree.leaves(fitted.params)
    num_seeds = leaves[0].shape[0] if leaves else 1  # a policy that has learned nothing, as `random`
    per_seed = -(-config.num_episodes // num_seeds)
    kinds = episode_kinds(config.mixture, per_seed)
    epsilon = np.array([config.mixture[kind][1] for kind in kinds], np.float32)
    policy = with_random_steps(fitted.algorithm.policy, epsilon, spec)
    began = time.monotonic()

    @partial(jax.vmap, in_axes=(0, None, 0))
    def episodes(params: Params, env_params: Any, key: Array) -> Any:
        key_start, key_roll = jax.random.split(key)
        start = rollout.start(environment, env_params, policy, params, key_start, per_seed)
        _, steps = rollout.rollout(
            environment, env_params, policy, params, start, key_roll,
            num_steps=spec.max_turn, auto_reset=False, selection="sample",
        )  # fmt: skip
        return Trajectories(steps.observation, steps.action, steps.reward, steps.mask)

    keys = jax.random.split(jax.random.key(resources.config.seed + 1), num_seeds)
    recorded = jax.device_get(jax.jit(episodes)(fitted.params, env_params, keys))
    episodes_in_all = num_seeds * per_seed
    trajectories = jax.tree.map(
        lambda x: np.swapaxes(x, 1, 2).reshape(episodes_in_all, spec.max_turn, *x.shape[3:]), recorded
    )
    save_arrays(resources.folder(name).path / logs.FILE, trajectories)
    returns, length = returns_to_go(trajectories.reward, trajectories.mask, xp=np)[:, 0], trajectories.mask.sum(1)
    kind_of = np.array(kinds * num_seeds)
    progress.say(f"  {len(returns):,} episodes, {int(length.sum()):,} steps, mean return {returns.mean():.3g}")
    return {
        "seconds": time.monotonic() - began,
        "num_episodes": len(returns),
        "kinds": {
            kind: {
                "episodes": int((kind_of == kind).sum()),
                "random_step_probability": config.mixture[kind][1],
                "mean_return": float(returns[kind_of == kind].mean()),
                "mean_length": float(length[kind_of == kind].mean()),
            }
            for kind in dict.fromkeys(kinds)
        },
    }

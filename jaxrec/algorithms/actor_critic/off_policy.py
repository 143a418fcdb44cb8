"""What the algorithms that learn from replayed steps share: options, source, learner, and averages over a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import user_state
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, InitParams, Policy, TargetLossFn
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.training import learner, optimizers, sources

RANGES = {
    **user_state.RANGES,
    "hidden": ranges.list_of(ranges.COUNT, "a list of whole numbers from 1 upward, which may be empty", least=0),
    "discount": ranges.SHARE,
    **dict.fromkeys(("num_envs", "num_steps", "num_updates", "batch_size", "capacity"), ranges.COUNT),
    "warmup": ranges.WHOLE,
    "time_limit": ranges.choice(*sources.TIME_LIMITS),
    "target_update_rate": ranges.ABOVE_ZERO_TO_ONE,
    "target_update_every": ranges.COUNT,
    **ranges.under("optimizer", optimizers.RANGES),
}


def defaults() -> ConfigDict:
    """Returns the settings that the off-policy algorithms share.

    A step of the loop plays num_envs * num_steps turns, then makes `num_updates` updates. EasyRL4Rec makes
    one update of 64 transitions per 8 turns: so do 64 users and 8 updates.
    """
    return ConfigDict(
        {
            "encoder": "average",  # average, gru or sasrec: a file in models/encoders
            "width": 32,  # D of the item embeddings, and of a continuous action that stands for an item
            "window": 3,  # W, the pairs in the state window (EasyRL4Rec: 3)
            "hidden": (64, 64),  # widths of the layers of each network
            "discount": 0.99,  # per turn
            "num_envs": 64,  # users acted on at once
            "num_steps": 1,  # turns of each between two rounds of updates
            "num_updates": 8,  # updates per round; num_updates / (num_envs * num_steps) per environment step
            "batch_size": 64,  # transitions per update
            "capacity": 100_000,  # steps the replay buffer keeps
            "warmup": 1_000,  # steps before the first update
            "target_update_rate": 0.005,  # share of the new parameters mixed into the target networks
            "target_update_every": 1,  # updates
            "time_limit": "truncation",  # what the time limit is: truncation, or terminal (EasyRL4Rec)
            "optimizer": optimizers.defaults(),
        }
    )


def algorithm(
    config: ConfigDict,
    spec: EnvironmentSpec,
    init_params: InitParams,
    loss_fn: TargetLossFn,
    *,
    target_keys: Sequence[str],
    policy: Policy,
    behaviour: Policy,
) -> Algorithm:
    """Makes the algorithm that descends `loss_fn` on replayed transitions.

    Args:
      spec: where it names no environment, the algorithm has no source.
      target_keys: the roles of the parameters that have a target copy.
      policy: acts without exploration. behaviour: acts with it and fills the replay buffer.
    """
    one_update = learner.from_loss(
        init_params,
        loss_fn,
        optimizers.make(config.optimizer),
        target_keys=target_keys,
        target_update_rate=config.target_update_rate,
        target_update_every=config.target_update_every,
    )
    source = None
    if spec.environment is not None:
        source = sources.replay(
            spec.environment,
            behaviour,
            num_envs=config.num_envs,
            num_steps=config.num_steps,
            capacity=config.capacity,
            batch_size=config.batch_size * config.num_updates,
            warmup=config.warmup,
            time_limit=config.time_limit,
        )
    return Algorithm(learner.repeated(one_update, learner.split(config.num_updates)), source, policy)


def weighted_mean(batch: sources.Transitions) -> Callable[[Array], Array]:
    """Makes the function that averages over the transitions whose next state the buffer holds."""
    return lambda per_step: jnp.sum(per_step * batch.weight) / jnp.maximum(jnp.sum(batch.weight), 1.0)


def batch_metrics(batch: sources.Transitions, value: Array, reward_scale: float) -> dict[str, Array]:
    """Returns the mean replayed reward, and the mean of the critic's values [...] in the environment's unit."""
    return {"replay/R_avg": jnp.mean(batch.reward), "value/mean": jnp.mean(value) / reward_scale}

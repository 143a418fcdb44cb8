"""PPO: several epochs of minibatches on each rollout, the policy kept near the one that acted (Schulman et al. 2017).

Sizes follow A2C and EasyRL4Rec. Our reading: advantages are estimated once per rollout and normalised per minibatch;
values bootstrap through the time limit, which is no end of the episode; the value loss is not clipped.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import on_policy
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.losses import policy_gradient, proximal
from jaxrec.training import learner, optimizers, sources

RANGES = {
    **on_policy.RANGES,
    "clip": ranges.POSITIVE,
    "num_epochs": ranges.COUNT,
    "num_minibatches": ranges.COUNT,
}


def defaults() -> ConfigDict:
    """Returns the settings; one step of the loop is one rollout with all its epochs."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 1e-3
    optimizer.clip_norm = 0.5
    return ConfigDict(
        {
            "encoder": "average",  # average, gru or sasrec: a file in models/encoders
            "width": 32,  # D of the item embeddings (EasyRL4Rec: 32)
            "window": 3,  # W, the pairs in the state window (EasyRL4Rec: 3)
            "hidden": (64, 64),  # widths of the layers under both heads
            "discount": 0.9,  # per turn
            "gae_lambda": 0.95,
            "clip": 0.2,  # largest change of an action's probability ratio that is rewarded
            "value_weight": 0.5,
            "entropy_weight": 0.01,  # times nats, beside normalised advantages
            "num_envs": 64,  # B, users acted on at once
            "num_steps": 15,  # T, turns of a rollout
            "num_epochs": 4,  # passes over a rollout
            "num_minibatches": 4,  # of T * B / num_minibatches steps each
            "time_limit": "truncation",  # what the time limit is: truncation, or terminal (EasyRL4Rec)
            "selection": "",  # of items at evaluation: greedy, or sample (EasyRL4Rec); '' as the evaluation says
            "log_std": -0.5,  # first log standard deviation of continuous actions
            "optimizer": optimizer,
        }
    )


@struct.dataclass
class Samples:
    """Steps of a rollout in K minibatches; every leaf is [K, B, ...], with B steps to a minibatch.

    Attributes:
      history, observation, action: of the step. log_prob: float32, of its action before the first update.
      advantage, target: float32, the estimates before the first update. weight: float32, 0 on cut-off steps.
      rollout: name -> [K], the rollout's metrics, alike in every minibatch.
    """

    history: Any
    observation: Observation
    action: Array
    log_prob: Array
    advantage: Array
    target: Array
    weight: Array
    rollout: dict[str, Array]


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the algorithm, over items or continuous actions; without `spec.environment` it acts but has no source.

    Raises:
      JaxrecError: more minibatches than steps in a rollout.
    """
    ranges.check("algorithm.", config, RANGES)
    if config.num_minibatches > config.num_envs * config.num_steps:
        raise JaxrecError(
            f"ppo.num_minibatches is {config.num_minibatches}, but a rollout has {config.num_envs * config.num_steps} "
            "steps; set it between 1 and num_envs * num_steps"
        )
    agent = on_policy.make_agent(config, spec)

    def draw_minibatches(params: Params, batch: sources.OnPolicyBatch, key: Array) -> Samples:
        steps = batch.steps
        output, value = agent.apply(params, steps.carry, steps.observation)
        advantage = on_policy.advantages(config, agent, params, batch, value)
        log_prob, _ = agent.action_terms(params, output, steps.action)
        weight = on_policy.step_weight(steps)
        per_step = (steps.carry, steps.observation, steps.action, log_prob, advantage, advantage + value, weight)
        rows = minibatch_rows(key, weight.size, config.num_epochs, config.num_minibatches)
        samples = jax.tree.map(lambda x: x.reshape(weight.size, *x.shape[2:])[rows], per_step)
        metrics = jax.tree.map(lambda x: jnp.broadcast_to(x, rows.shape[:1]), on_policy.rollout_metrics(steps))
        return Samples(*samples, metrics)

    def loss_fn(params: Params, batch: Samples, key: Array):
        del key
        output, value = agent.apply(params, batch.history, batch.observation)
        log_prob, entropy = agent.action_terms(params, output, batch.action)
        mean = on_policy.weighted_mean(batch.weight)
        advantage = batch.advantage - mean(batch.advantage)
        advantage = advantage / (jnp.sqrt(mean(jnp.square(advantage))) + 1e-6)
        surrogate = proximal.clipped_surrogate_loss(log_prob, batch.log_prob, advantage, clip=config.clip)
        terms = {
            "policy": mean(surrogate),
            "value": config.value_weight * mean(policy_gradient.value_loss(value, batch.target)),
            "entropy": -config.entropy_weight * mean(entropy),
        }
        metrics = {"policy/entropy": mean(entropy), "value/mean": mean(value) / agent.reward_scale}
        return terms, batch.rollout | metrics

    one_update = learner.from_loss(agent.init_params, loss_fn, optimizers.make(config.optimizer))
    return Algorithm(
        learner.repeated(one_update, draw_minibatches), on_policy.source(config, spec, agent), agent.policy
    )


def minibatch_rows(key: Array, num_rows: int, num_epochs: int, num_minibatches: int) -> Array:
    """Draws the rows of every minibatch, int32 [num_epochs * num_minibatches, num_rows // num_minibatches].

    Each epoch is a new permutation of the rows, cut into equal parts; the few rows that fill no part are left out.
    """
    orders = jax.vmap(lambda k: jax.random.permutation(k, num_rows))(jax.random.split(key, num_epochs))
    size = num_rows // num_minibatches
    return orders[:, : size * num_minibatches].reshape(num_epochs * num_minibatches, size)

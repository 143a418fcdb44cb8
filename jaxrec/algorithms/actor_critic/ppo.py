"""PPO: several epochs of minibatches on each rollout, the policy kept near the one that acted (Schulman et al. 2017).

Sizes follow A2C and EasyRL4Rec. Our reading: advantages are estimated once per rollout and normalised per minibatch, a
time limit is bootstrapped through, the value loss is not clipped.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import on_policy
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.losses import policy_gradient, proximal
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """One step of the loop is one rollout with all its epochs."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 1e-3
    optimizer.clip_norm = 0.5
    return ConfigDict(
        {
            "encoder": "average",  # average, gru or sasrec: a file in models/encoders
            "width": 32,  # D of the item embeddings (EasyRL4Rec: 32)
            "window": 3,  # W, pairs the state is made of (EasyRL4Rec: 3)
            "hidden": (64, 64),  # the body's layers
            "discount": 0.9,  # per turn
            "gae_lambda": 0.95,
            "clip": 0.2,  # largest change of an action's probability ratio that is rewarded
            "value_weight": 0.5,
            "entropy_weight": 0.01,  # times nats, beside normalised advantages
            "num_envs": 64,  # B, users acted on at once
            "num_steps": 15,  # T, turns of a rollout
            "num_epochs": 4,  # passes over a rollout
            "num_minibatches": 4,  # of T * B / num_minibatches steps each
            "log_std": -0.5,  # first log standard deviation of continuous actions
            "optimizer": optimizer,
        }
    )


@struct.dataclass
class Samples:
    """[K, B] steps in minibatches with what was known of them before the first update; `rollout` [K] is for the log."""

    history: Any
    observation: Observation
    action: Array
    log_prob: Array
    advantage: Array
    target: Array
    weight: Array
    rollout: dict[str, Array]


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Learner and source need `spec.environment`; the policy alone does not. Actions may be items or continuous.

    Raises:
      JaxrecError: more minibatches than steps in a rollout.
    """
    if not 1 <= config.num_minibatches <= config.num_envs * config.num_steps:
        raise JaxrecError(
            f"ppo.num_minibatches is {config.num_minibatches}, but a rollout has {config.num_envs * config.num_steps} "
            "steps; set it between 1 and num_envs * num_steps"
        )
    agent = on_policy.build(config, spec)

    def prepare(params: Params, batch: sources.OnPolicyBatch, key: Array) -> Samples:
        steps = batch.steps
        output, value = agent.apply(params, steps.carry, steps.observation)
        advantage = on_policy.advantages(config, agent, params, batch, value)
        log_prob, _ = agent.action_terms(params, output, steps.action)
        weight = on_policy.step_weight(steps)
        known = (steps.carry, steps.observation, steps.action, log_prob, advantage, advantage + value, weight)
        order = minibatches(key, weight.size, config.num_epochs, config.num_minibatches)
        drawn = jax.tree.map(lambda x: x.reshape(weight.size, *x.shape[2:])[order], known)
        log = jax.tree.map(lambda x: jnp.broadcast_to(x, order.shape[:1]), on_policy.report(steps))
        return Samples(*drawn, log)

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

    inner = learner.from_loss(agent.init_params, loss_fn, optimizers.make(config.optimizer))
    return Algorithm(learner.repeated(inner, prepare), on_policy.source(config, spec, agent), agent.policy)


def minibatches(key: Array, size: int, epochs: int, parts: int) -> Array:
    """int32 [epochs * parts, size // parts]: each epoch is a new permutation of the steps, cut into equal parts."""
    orders = jax.vmap(lambda k: jax.random.permutation(k, size))(jax.random.split(key, epochs))
    return orders[:, : size // parts * parts].reshape(epochs * parts, size // parts)

"""A2C: advantage actor-critic on fresh steps (Mnih et al. 2016, synchronous), over a window of (item, reward) pairs.

Discount, rates and sizes follow EasyRL4Rec, the framework of paper M (4.1). Our reading: steps go on from where they
stood (EasyRL4Rec collects whole episodes), a time limit is bootstrapped through, rewards are divided by the largest.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import network
from jaxrec.losses import policy_gradient, returns
from jaxrec.models import encoders
from jaxrec.training import learner, optimizers, sources
from jaxrec.types import Algorithm, Array, Observation, Params, Policy, Spec


def defaults() -> ConfigDict:
    """Coat's settings."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 0.005  # EasyRL4Rec: 0.005 on Coat, 0.001 elsewhere
    return ConfigDict(
        {
            "encoder": "average",  # average, gru or sasrec: a file in models/encoders
            "width": 32,  # D of the item embeddings (EasyRL4Rec: 32)
            "window": 3,  # W, pairs the state is made of (EasyRL4Rec: 3)
            "hidden": (64, 64),  # the body's layers
            "discount": 0.9,  # per turn
            "gae_lambda": 1.0,  # 1 = the longest returns
            "value_weight": 0.5,
            "entropy_weight": 0.01,  # times nats, beside rewards scaled to at most 1
            "num_envs": 64,  # B, users acted on at once
            "num_steps": 15,  # T, turns between two updates
            "log_std": -0.5,  # first log standard deviation of continuous actions
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learner and source need `spec.environment`; the policy alone does not. Actions may be items or continuous."""
    continuous = spec.action_size > 0
    reward_scale = 1.0 / (max(abs(bound) for bound in spec.reward_range) or 1.0)
    encoder = encoders.make(
        config.encoder, num_items=spec.num_items, width=config.width, feedback_scale=1.0 / reward_scale
    )
    heads = network.ActorCritic(spec.action_size or spec.num_items, tuple(config.hidden), continuous)

    def init_params(key: Array) -> Params:
        key_encoder, key_heads = jax.random.split(key)
        params, size = {}, spec.observation_size
        if network.sees_history(spec):
            window = network.window_arrays(network.empty_history(spec, 1, config.window))
            params["encoder"] = encoder.init(key_encoder, *window)["params"]
            size += config.width
        params["actor_critic"] = heads.init(key_heads, jnp.zeros((1, size)))["params"]
        if continuous:
            params["noise"] = {"log_std": jnp.full(spec.action_size, config.log_std)}
        return params

    def apply(params: Params, history: Any, observation: Observation) -> tuple[Array, Array]:
        def encode(*window: Array) -> Array:
            return encoder.apply({"params": params["encoder"]}, *window)

        state = network.state_features(spec, encode, history, observation)
        return heads.apply({"params": params["actor_critic"]}, state)

    def loss_fn(params: Params, target_params: Params, batch: sources.OnPolicyBatch, key: Array):
        del target_params, key
        steps = batch.steps
        output, value = apply(params, steps.carry, steps.observation)
        fixed_value = jax.lax.stop_gradient(value)
        last_history = network.push(batch.last_carry, batch.last_observation)
        last_value = apply(params, last_history, batch.last_observation)[1]
        advantage = jax.vmap(_advantages(config), 1, 1)(
            steps.reward * reward_scale,
            fixed_value,
            jax.lax.stop_gradient(last_value)[None],
            steps.terminated,
            steps.truncated,
        )
        log_prob, entropy = _action_terms(params, output, steps.action, continuous)
        weight = (steps.mask & returns.trained(steps.terminated, steps.truncated)).astype(jnp.float32)

        def mean(per_step: Array) -> Array:
            return jnp.sum(per_step * weight) / jnp.maximum(jnp.sum(weight), 1.0)

        terms = {
            "policy": mean(policy_gradient.policy_gradient_loss(log_prob, advantage)),
            "value": config.value_weight * mean(policy_gradient.value_loss(value, advantage + fixed_value)),
            "entropy": -config.entropy_weight * mean(entropy),
        }
        return terms, _report(steps) | {"policy/entropy": mean(entropy), "value/mean": mean(value) / reward_scale}

    def init_carry(params: Params, num_users: int) -> Any:
        del params
        return network.empty_history(spec, num_users, config.window)

    def act(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        del key
        history = network.push(history, observation)
        return history, apply(params, history, observation)[0]

    def explore(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        """Continuous actions with the noise that the loss knows of; items are sampled by the rollout."""
        history, mean = act(params, history, observation, key)
        noise = jnp.exp(params["noise"]["log_std"])[None] * jax.random.normal(key, mean.shape)
        return history, mean + noise

    behaviour = Policy(init_carry, explore if continuous else act)
    source = None
    if spec.environment is not None:
        source = sources.on_policy(spec.environment, behaviour, num_envs=config.num_envs, num_steps=config.num_steps)
    return Algorithm(
        learner=learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer)),
        source=source,
        policy=Policy(init_carry, act),
    )


def _advantages(config: ConfigDict):
    def advantages(reward: Array, value: Array, last: Array, terminated: Array, truncated: Array) -> Array:
        return returns.generalized_advantages(
            reward, value, last[0], terminated, truncated, discount=config.discount, gae_lambda=config.gae_lambda
        )

    return advantages


def _action_terms(params: Params, output: Array, action: Array, continuous: bool) -> tuple[Array, Array]:
    """(log pi(action), entropy), each [T, B]."""
    if not continuous:
        return policy_gradient.categorical_terms(output, action)
    log_std = params["noise"]["log_std"]
    entropy = policy_gradient.gaussian_entropy(log_std)
    return policy_gradient.gaussian_log_prob(output, log_std, action), jnp.full(output.shape[:-1], entropy)


def _report(steps: Any) -> dict[str, Array]:
    """What the behaviour policy earned, and the mean length that its rate of endings stands for."""
    endings = jnp.sum(steps.terminated | steps.truncated)
    length = steps.reward.size / jnp.maximum(endings, 1).astype(jnp.float32)
    return {"rollout/R_avg": jnp.mean(steps.reward), "rollout/Length": length}

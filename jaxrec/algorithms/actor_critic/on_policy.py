"""What A2C and PPO share: one network for policy and value, items or continuous actions, advantages of a rollout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import actors_and_critics, state
from jaxrec.base.contracts import Array, Params, Policy, Source
from jaxrec.base.records import Observation, Steps
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.losses import policy_gradient
from jaxrec.losses.advantages import generalized_advantages, has_target
from jaxrec.training import sources


class Agent(NamedTuple):
    """Attributes:
    init_params: key -> params.
    apply: (params, history, observation) -> (action logits or mean action, value in scaled rewards), leading axes kept.
    action_terms: (params, output, action) -> (log pi(action), entropy), each of the action's leading axes.
    policy, behaviour: without and with exploration noise; items are sampled by the rollout.
    reward_scale: what rewards are multiplied by before anything is learned from them.
    """

    init_params: Callable[[Array], Params]
    apply: Callable[[Params, Any, Observation], tuple[Array, Array]]
    action_terms: Callable[[Params, Array, Array], tuple[Array, Array]]
    policy: Policy
    behaviour: Policy
    reward_scale: float


def build(config: ConfigDict, spec: EnvironmentSpec) -> Agent:
    """Reads `hidden`, `log_std` and what `state.build` reads."""
    continuous = spec.action_size > 0
    encoder = state.build(config, spec)
    heads = actors_and_critics.ActorCritic(spec.action_size or spec.num_items, tuple(config.hidden), continuous)

    def init_params(key: Array) -> Params:
        key_encoder, key_heads = jax.random.split(key)
        params = encoder.init(key_encoder)
        params["actor_critic"] = heads.init(key_heads, jnp.zeros((1, encoder.size)))["params"]
        if continuous:
            params["noise"] = {"log_std": jnp.full(spec.action_size, config.log_std)}
        return params

    def apply(params: Params, history: Any, observation: Observation) -> tuple[Array, Array]:
        return heads.apply({"params": params["actor_critic"]}, encoder.features(params, history, observation))

    def init_carry(params: Params, num_users: int) -> Any:
        del params
        return encoder.empty(num_users)

    def act(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        del key
        history = state.push(history, observation)
        return history, apply(params, history, observation)[0]

    def explore(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        """Continuous actions with the noise that the loss knows of."""
        history, mean = act(params, history, observation, key)
        noise = jnp.exp(params["noise"]["log_std"])[None] * jax.random.normal(key, mean.shape)
        return history, mean + noise

    return Agent(
        init_params,
        apply,
        _gaussian_terms if continuous else _categorical_terms,
        Policy(init_carry, act),
        Policy(init_carry, explore if continuous else act),
        state.reward_scale(spec),
    )


def source(config: ConfigDict, spec: EnvironmentSpec, agent: Agent) -> Source | None:
    """Fresh steps of `num_envs` users, `num_steps` turns each; None where the spec names no environment."""
    if spec.environment is None:
        return None
    return sources.on_policy(spec.environment, agent.behaviour, num_envs=config.num_envs, num_steps=config.num_steps)


def advantages(config: ConfigDict, agent: Agent, params: Params, batch: sources.OnPolicyBatch, value: Array) -> Array:
    """Generalised advantages [T, B] of a rollout whose states are worth `value` [T, B]; no gradient."""
    steps = batch.steps
    last_history = state.push(batch.last_carry, batch.last_observation)
    last_value = agent.apply(params, last_history, batch.last_observation)[1]

    def one_user(reward: Array, value: Array, last: Array, terminated: Array, truncated: Array) -> Array:
        return generalized_advantages(
            reward, value, last[0], terminated, truncated, discount=config.discount, gae_lambda=config.gae_lambda
        )

    return jax.vmap(one_user, 1, 1)(
        steps.reward * agent.reward_scale,
        jax.lax.stop_gradient(value),
        jax.lax.stop_gradient(last_value)[None],
        steps.terminated,
        steps.truncated,
    )


def step_weight(steps: Steps) -> Array:
    """float32, 1 on steps whose return is known."""
    return (steps.mask & has_target(steps.terminated, steps.truncated)).astype(jnp.float32)


def weighted_mean(weight: Array) -> Callable[[Array], Array]:
    """The mean over the steps that count; 0 if none does."""
    return lambda per_step: jnp.sum(per_step * weight) / jnp.maximum(jnp.sum(weight), 1.0)


def report(steps: Steps) -> dict[str, Array]:
    """What the behaviour policy earned, and the mean length that its rate of endings stands for."""
    endings = jnp.sum(steps.terminated | steps.truncated)
    length = steps.reward.size / jnp.maximum(endings, 1).astype(jnp.float32)
    return {"rollout/R_avg": jnp.mean(steps.reward), "rollout/Length": length}


def _categorical_terms(params: Params, output: Array, action: Array) -> tuple[Array, Array]:
    del params
    return policy_gradient.categorical_terms(output, action)


def _gaussian_terms(params: Params, output: Array, action: Array) -> tuple[Array, Array]:
    log_std = params["noise"]["log_std"]
    entropy = policy_gradient.gaussian_entropy(log_std)
    return policy_gradient.gaussian_log_prob(output, log_std, action), jnp.full(output.shape[:-1], entropy)

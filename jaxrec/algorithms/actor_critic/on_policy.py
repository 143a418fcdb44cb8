"""What A2C and PPO share: one network for policy and value, over items or continuous actions, and the advantages of a
rollout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import actors_and_critics, user_state
from jaxrec.base import episode_keys, ranges
from jaxrec.base.contracts import Array, Params, Policy, Source
from jaxrec.base.records import Observation, Steps
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import rollout
from jaxrec.losses import policy_gradient
from jaxrec.losses.advantages import generalized_advantages, has_target
from jaxrec.training import optimizers, sources

RANGES = {
    **user_state.RANGES,
    "hidden": ranges.list_of(ranges.COUNT, "a list of whole numbers from 1 upward, which may be empty", least=0),
    "discount": ranges.SHARE,
    "gae_lambda": ranges.SHARE,
    "value_weight": ranges.NOT_NEGATIVE,
    "entropy_weight": ranges.NOT_NEGATIVE,
    "num_envs": ranges.COUNT,
    "num_steps": ranges.COUNT,
    "time_limit": ranges.choice(*sources.TIME_LIMITS),
    "selection": ranges.choice("", *rollout.SELECTIONS),
    "log_std": ranges.between(-20, 5),
    **ranges.under("optimizer", optimizers.RANGES),
}


class OnPolicyAgent(NamedTuple):
    """A policy and a value function over one network.

    Attributes:
      init_params: (key) -> params.
      apply: (params, history, observation) -> (action logits or mean action, value of scaled rewards); leading axes
        stay.
      action_terms: (params, first output of `apply`, action) -> (log pi(action), entropy in nats), both with the
        action's leading axes.
      policy: acts without exploration noise. behaviour: acts with it; items are sampled by the rollout.
      reward_scale: the factor that rewards are multiplied by before anything is learned from them.
    """

    init_params: Callable[[Array], Params]
    apply: Callable[[Params, Any, Observation], tuple[Array, Array]]
    action_terms: Callable[[Params, Array, Array], tuple[Array, Array]]
    policy: Policy
    behaviour: Policy
    reward_scale: float


def make_agent(config: ConfigDict, spec: EnvironmentSpec) -> OnPolicyAgent:
    """Makes the agent from the options `hidden`, `log_std`, `selection` and those of `user_state.make_encoder`."""
    continuous = spec.action_size > 0
    encoder = user_state.make_encoder(config, spec)
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
        history = user_state.push(history, observation)
        return history, apply(params, history, observation)[0]

    def explore(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        """Draws a continuous action from the Gaussian whose log-probability the loss takes."""
        history, mean = act(params, history, observation, key)
        noise = jnp.exp(params["noise"]["log_std"])[None] * episode_keys.draw(jax.random.normal, key, mean.shape)
        return history, mean + noise

    return OnPolicyAgent(
        init_params,
        apply,
        _gaussian_terms if continuous else _categorical_terms,
        Policy(init_carry, act, selection=config.selection),
        Policy(init_carry, explore if continuous else act),
        user_state.reward_scale(spec),
    )


def source(config: ConfigDict, spec: EnvironmentSpec, agent: OnPolicyAgent) -> Source | None:
    """Makes the source of fresh steps [T, B], `num_steps` turns of `num_envs` users; None without an environment."""
    if spec.environment is None:
        return None
    options = {option: config[option] for option in ("num_envs", "num_steps", "time_limit")}
    return sources.on_policy(spec.environment, agent.behaviour, **options)


def advantages(
    config: ConfigDict, agent: OnPolicyAgent, params: Params, batch: sources.OnPolicyBatch, value: Array
) -> Array:
    """Returns the generalised advantages [T, B] of a rollout; no gradient goes through them.

    Args:
      value: float32 [T, B], of the states that the rollout's actions were taken in.
    """
    steps = batch.steps
    last_history = user_state.push(batch.last_carry, batch.last_observation)
    last_value = agent.apply(params, last_history, batch.last_observation)[1]

    def advantages_of_user(reward: Array, value: Array, last: Array, terminated: Array, truncated: Array) -> Array:
        return generalized_advantages(
            reward, value, last[0], terminated, truncated, discount=config.discount, gae_lambda=config.gae_lambda
        )

    return jax.vmap(advantages_of_user, 1, 1)(
        steps.reward * agent.reward_scale,
        jax.lax.stop_gradient(value),
        jax.lax.stop_gradient(last_value)[None],
        steps.terminated,
        steps.truncated,
    )


def step_weight(steps: Steps) -> Array:
    """Returns the weight of each step in the loss, float32 [T, B]: 0 where the clock cut the episode, else 1."""
    return (steps.mask & has_target(steps.terminated, steps.truncated)).astype(jnp.float32)


def weighted_mean(weight: Array) -> Callable[[Array], Array]:
    """Makes the function that averages over the steps of weight 1; it returns 0 where there is none."""
    return lambda per_step: jnp.sum(per_step * weight) / jnp.maximum(jnp.sum(weight), 1.0)


def rollout_metrics(steps: Steps) -> dict[str, Array]:
    """Returns the mean reward of the behaviour policy, and its mean episode length, steps over endings."""
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

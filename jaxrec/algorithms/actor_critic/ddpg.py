"""DDPG: a deterministic actor ascends a learned critic (Lillicrap et al. 2016); where actions are items, its vector
chooses among them as `continuous` says.

Rates, discount, noise and replay ratio follow EasyRL4Rec. Our reading: targets look one step ahead, as published
(EasyRL4Rec: three); the critic's loss alone trains the encoder, which has a target copy; steps that the time limit cut
off have no next state in the buffer and are left out.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import continuous, off_policy
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.losses import temporal_difference as td
from jaxrec.training import sources

RANGES = {**off_policy.RANGES, "exploration_noise": ranges.NOT_NEGATIVE}


def defaults() -> ConfigDict:
    config = continuous.defaults()
    config.exploration_noise = 0.1  # standard deviation, of numbers in [-1, 1]; smaller where vectors stand for items
    return config


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the algorithm, over items or continuous actions; without `spec.environment` it acts but has no source."""
    ranges.check("algorithm.", config, RANGES)
    agent = continuous.make_agent(config, spec, num_critics=1)

    def actor(params: Params, state: Array) -> Array:
        return agent.direction(jnp.tanh(agent.actor(params, state)))

    def loss_fn(params: Params, target_params: Params, batch: sources.Transitions, key: Array):
        del key
        state, next_state = agent.states(params, target_params, batch)
        next_value = agent.critic(target_params, next_state, actor(target_params, next_state))[..., 0]
        target = td.td_target(batch.reward * agent.reward_scale, batch.terminated, next_value, discount=config.discount)
        value = agent.critic(params, state, batch.carry.action)
        fixed_state = jax.lax.stop_gradient(state)
        actor_value = agent.critic(continuous.without_gradient(params), fixed_state, actor(params, fixed_state))[..., 0]
        mean = off_policy.weighted_mean(batch)
        terms = {"critic": mean(td.td_loss(value, target)), "actor": -mean(actor_value)}
        return terms, off_policy.batch_metrics(batch, value, agent.reward_scale)

    draw_action = continuous.with_gaussian_noise(agent, actor, config.exploration_noise)
    policy, behaviour = continuous.policies(agent, spec, actor, draw_action)
    return off_policy.algorithm(
        config, spec, agent.init_params, loss_fn,
        target_keys=continuous.target_roles(agent), policy=policy, behaviour=behaviour,
    )  # fmt: skip

"""DDPG: a deterministic actor climbs a learned critic (Lillicrap et al. 2016), over items by the item adapter.

Rates, discount, noise and replay ratio follow EasyRL4Rec. Our reading: one-step targets (EasyRL4Rec: three), the
encoder is trained by the critic's loss alone and has a target copy, cut-off steps (no successor) are left out.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import continuous, off_policy
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.losses import temporal_difference as td
from jaxrec.training import sources


def defaults() -> ConfigDict:
    config = continuous.defaults()
    config.exploration_noise = 0.1  # standard deviation; a share of the numbers' size where vectors stand for items
    return config


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Learner and source need `spec.environment`; the policy alone does not. Actions may be items or continuous."""
    agent = continuous.build(config, spec, num_critics=1)

    def actor(params: Params, now: Array) -> Array:
        return agent.direction(jnp.tanh(agent.actor(params, now)))

    def loss_fn(params: Params, target_params: Params, batch: sources.Transitions, key: Array):
        del key
        now, following = agent.states(params, target_params, batch)
        next_value = agent.critic(target_params, following, actor(target_params, following))[..., 0]
        target = td.td_target(batch.reward * agent.reward_scale, batch.terminated, next_value, discount=config.discount)
        value = agent.critic(params, now, batch.carry.action)
        fixed = jax.lax.stop_gradient(now)
        climbed = agent.critic(continuous.constant(params), fixed, actor(params, fixed))[..., 0]
        mean = off_policy.weighted_mean(batch)
        terms = {"critic": mean(td.td_loss(value, target)), "actor": -mean(climbed)}
        return terms, off_policy.report(batch, value, agent.reward_scale)

    exploring = continuous.with_gaussian_noise(agent, actor, config.exploration_noise)
    policy, behaviour = continuous.policies(agent, spec, actor, exploring)
    return off_policy.algorithm(
        config, spec, agent.init_params, loss_fn,
        target_keys=continuous.roles(agent), policy=policy, behaviour=behaviour,
    )  # fmt: skip

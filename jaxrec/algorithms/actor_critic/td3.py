"""TD3: DDPG with the smaller of two critics, smoothed target actions and a delayed actor (Fujimoto et al. 2018).

Rates, discount and replay ratio follow EasyRL4Rec. The delay is an option of the optimizer (`every` of the group
`actor`) and of the target networks (`target_update_every`). Our reading is that of `ddpg`.
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

RANGES = {
    **off_policy.RANGES,
    **dict.fromkeys(("exploration_noise", "smoothing_noise", "smoothing_clip"), ranges.NOT_NEGATIVE),
}


def defaults() -> ConfigDict:
    config = continuous.defaults()
    config.exploration_noise = 0.1  # standard deviation, of numbers in [-1, 1]; smaller where vectors stand for items
    config.smoothing_noise = 0.2  # standard deviation of the noise on target actions, likewise
    config.smoothing_clip = 0.5  # largest smoothing noise
    config.target_update_every = 2  # updates
    config.optimizer.groups.actor.every = 2  # updates
    return config


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the algorithm, over items or continuous actions; without `spec.environment` it acts but has no source."""
    ranges.check("algorithm.", config, RANGES)
    agent = continuous.make_agent(config, spec, num_critics=2)

    def actor(params: Params, state: Array) -> Array:
        return agent.direction(jnp.tanh(agent.actor(params, state)))

    smoothed_actor = continuous.with_gaussian_noise(agent, actor, config.smoothing_noise, config.smoothing_clip)

    def loss_fn(params: Params, target_params: Params, batch: sources.Transitions, key: Array):
        state, next_state = agent.states(params, target_params, batch)
        next_action = smoothed_actor(target_params, next_state, key)
        next_value = agent.critic(target_params, next_state, next_action).min(-1)
        target = td.td_target(batch.reward * agent.reward_scale, batch.terminated, next_value, discount=config.discount)
        value = agent.critic(params, state, batch.carry.action)
        fixed_state = jax.lax.stop_gradient(state)
        actor_value = agent.critic(continuous.without_gradient(params), fixed_state, actor(params, fixed_state))[..., 0]
        mean = off_policy.weighted_mean(batch)
        terms = {"critic": mean(td.td_loss(value, target)), "actor": -mean(actor_value)}
        return terms, off_policy.batch_metrics(batch, value[..., 0], agent.reward_scale)

    draw_action = continuous.with_gaussian_noise(agent, actor, config.exploration_noise)
    policy, behaviour = continuous.policies(agent, spec, actor, draw_action)
    return off_policy.algorithm(
        config, spec, agent.init_params, loss_fn,
        target_keys=continuous.target_roles(agent), policy=policy, behaviour=behaviour,
    )  # fmt: skip

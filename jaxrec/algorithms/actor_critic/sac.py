"""SAC: a tanh-Gaussian actor, the smaller of two critics and a learned temperature (Haarnoja et al. 2018b).

Where it does not explore, it acts by the mean. Our reading is that of `ddpg`; the target entropy is -1 nat for each
number of the action, as published.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import continuous, off_policy
from jaxrec.base import episode_keys
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.losses import soft_actor_critic as soft
from jaxrec.losses import temporal_difference as td
from jaxrec.training import sources


def defaults() -> ConfigDict:
    config = continuous.defaults()
    config.optimizer.groups.actor.learning_rate = 3e-4
    config.optimizer.groups.temperature = ConfigDict({"pattern": "temperature/", "learning_rate": 1e-3})
    config.target_entropy = -1.0  # nats per number of the action
    config.temperature = 0.01  # the first one: times some 20 nats of entropy, beside rewards scaled to at most 1
    config.log_std_range = (-5.0, 2.0)  # log standard deviation of the Gaussian before tanh
    return config


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the algorithm, over items or continuous actions; without `spec.environment` it acts but has no source."""
    agent = continuous.make_agent(config, spec, num_critics=2, outputs_per_action=2)
    target_entropy = config.target_entropy * agent.action_size

    def init_params(key: Array) -> Params:
        log_temperature = jnp.log(jnp.full((), config.temperature))
        return agent.init_params(key) | {"temperature": {"log_temperature": log_temperature}}

    def gaussian(params: Params, state: Array) -> tuple[Array, Array]:
        """Returns (mean, log standard deviation), each [..., D], before tanh."""
        mean, raw = jnp.split(agent.actor(params, state), 2, axis=-1)
        low, high = config.log_std_range
        return mean, low + 0.5 * (high - low) * (jnp.tanh(raw) + 1.0)

    def sample(params: Params, state: Array, key: Array) -> tuple[Array, Array]:
        """Draws an action [..., D]; returns it with its log density [...]."""
        mean, log_std = gaussian(params, state)
        return soft.tanh_gaussian(mean, log_std, episode_keys.draw(jax.random.normal, key, mean.shape))

    def loss_fn(params: Params, target_params: Params, batch: sources.Transitions, key: Array):
        key_next, key_now = jax.random.split(key)
        log_temperature = params["temperature"]["log_temperature"]
        state, next_state = agent.states(params, target_params, batch)
        next_action, next_log_prob = sample(params, jax.lax.stop_gradient(next_state), key_next)
        next_values = agent.critic(target_params, next_state, next_action)
        next_value = soft.soft_value(next_values, next_log_prob, jnp.exp(log_temperature))
        target = td.td_target(batch.reward * agent.reward_scale, batch.terminated, next_value, discount=config.discount)
        value = agent.critic(params, state, batch.carry.action)
        fixed_state = jax.lax.stop_gradient(state)
        action, log_prob = sample(params, fixed_state, key_now)
        actor_values = agent.critic(continuous.without_gradient(params), fixed_state, action)
        mean = off_policy.weighted_mean(batch)
        terms = {
            "critic": mean(td.td_loss(value, target)),
            "actor": mean(soft.actor_loss(actor_values, log_prob, jnp.exp(log_temperature))),
            "temperature": mean(soft.temperature_loss(log_temperature, log_prob, target_entropy=target_entropy)),
        }
        metrics = {"policy/entropy": -mean(log_prob), "policy/temperature": jnp.exp(log_temperature)}
        return terms, off_policy.batch_metrics(batch, value[..., 0], agent.reward_scale) | metrics

    policy, behaviour = continuous.policies(
        agent, spec,
        lambda params, state: jnp.tanh(gaussian(params, state)[0]),
        lambda params, state, key: sample(params, state, key)[0],
    )  # fmt: skip
    return off_policy.algorithm(
        config, spec, init_params, loss_fn,
        target_keys=continuous.target_roles(agent, "actor"), policy=policy, behaviour=behaviour,
    )  # fmt: skip

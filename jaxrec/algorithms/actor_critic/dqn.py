"""DQN over items: double Q-learning from replayed steps, epsilon-greedy (Mnih et al. 2015; van Hasselt et al. 2016).

The Q-values are the action scores, so that the rollout's no-repeat mask is exact. Our reading: epsilon falls linearly
over the steps that the environments have made, one coin per user and turn; the encoder has a target copy as well;
cut-off steps (no successor) are left out.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import actors_and_critics, off_policy, state
from jaxrec.base.contracts import Algorithm, Array, Params, Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.losses import temporal_difference as td
from jaxrec.models import item_actions
from jaxrec.training import sources


def defaults() -> ConfigDict:
    config = off_policy.defaults()
    config.optimizer.learning_rate = 1e-3
    config.discount = 0.9  # per turn
    config.target_update_rate = 1.0  # a copy ...
    config.target_update_every = 200  # ... every so many updates
    config.epsilon_first, config.epsilon_last = 1.0, 0.05  # chance of a random item
    config.epsilon_steps = 20_000  # environment steps from the first to the last
    return config


@struct.dataclass
class Counted:
    """The behaviour policy's carry: the history, and how many steps each user [B] has been served in all."""

    history: Any
    steps: Array


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Raises JaxrecError where actions are continuous."""
    if spec.action_size:
        raise JaxrecError(
            "dqn chooses among items, but this environment's actions are continuous; use ddpg, td3 or sac"
        )
    encoder = state.build(config, spec)
    values = actors_and_critics.ItemValues(spec.num_items, tuple(config.hidden))

    def init_params(key: Array) -> Params:
        key_encoder, key_values = jax.random.split(key)
        params = encoder.init(key_encoder)
        return params | {"values": values.init(key_values, jnp.zeros((1, encoder.size)))["params"]}

    def apply(params: Params, history: Any, observation: Observation) -> Array:
        return values.apply({"params": params["values"]}, encoder.features(params, history, observation))

    def loss_fn(params: Params, target_params: Params, batch: sources.Transitions, key: Array):
        del key
        following = (batch.next_carry.history, batch.next_observation)
        next_value = td.double_q_value(apply(params, *following), apply(target_params, *following))
        reward = batch.reward * state.reward_scale(spec)
        target = td.td_target(reward, batch.terminated, next_value, discount=config.discount)
        value = td.chosen_value(apply(params, batch.carry.history, batch.observation), batch.action)
        mean = off_policy.weighted_mean(batch)
        return {"value": mean(td.td_loss(value[..., None], target))}, off_policy.report(
            batch, value, state.reward_scale(spec)
        )

    def act(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        del key
        history = state.push(history, observation)
        return history, item_actions.greedy_logits(apply(params, history, observation))

    def explore(params: Params, carry: Counted, observation: Observation, key: Array) -> tuple[Counted, Array]:
        history, logits = act(params, carry.history, observation, key)
        coin = jax.random.uniform(key, carry.steps.shape) < epsilon(config, carry.steps)
        return Counted(history, carry.steps + 1), jnp.where(coin[:, None], 0.0, logits)

    def start(params: Params, num_users: int) -> Counted:
        del params
        return Counted(encoder.empty(num_users), jnp.zeros(num_users, jnp.int32))

    roles = tuple(jax.eval_shape(init_params, jax.random.key(0)))
    return off_policy.algorithm(
        config, spec, init_params, loss_fn, target_keys=roles,
        policy=Policy(lambda params, num_users: encoder.empty(num_users), act), behaviour=Policy(start, explore),
    )  # fmt: skip


def epsilon(config: ConfigDict, steps: Array) -> Array:
    """Chance of a random item [B] for users served `steps` [B] times before, num_envs of them at once."""
    share = jnp.clip(steps * (config.num_envs / config.epsilon_steps), 0.0, 1.0)
    return config.epsilon_first + share * (config.epsilon_last - config.epsilon_first)

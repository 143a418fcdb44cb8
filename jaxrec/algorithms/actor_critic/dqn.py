"""DQN over items: double Q-learning from replayed steps, epsilon-greedy (Mnih et al. 2015; van Hasselt et al. 2016).

The policy returns the Q-values of all items, to which the rollout's mask of seen items applies. Our reading: epsilon
falls linearly over the steps that all environments have made together, and a coin is tossed for each user and turn; the
encoder has a target copy as well; steps that the time limit cut off have no next state in the buffer and are left out.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import actors_and_critics, off_policy, user_state
from jaxrec.base import episode_keys
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
    config.target_update_rate = 1.0  # the target networks are copies ...
    config.target_update_every = 200  # ... renewed every so many updates
    config.epsilon_first, config.epsilon_last = 1.0, 0.05  # chance of a random item
    config.epsilon_steps = 20_000  # environment steps from the first to the last
    return config


@struct.dataclass
class HistoryAndSteps:
    """The carry of the behaviour policy.

    Attributes:
      history: of B users. steps: int32 [B], the turns that each user's row has been played for, over all episodes.
    """

    history: Any
    steps: Array


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the algorithm; without `spec.environment` it acts but has no source.

    Raises:
      JaxrecError: the environment's actions are continuous.
    """
    if spec.action_size:
        raise JaxrecError(
            "dqn chooses among items, but this environment's actions are continuous; use ddpg, td3 or sac"
        )
    encoder = user_state.make_encoder(config, spec)
    values = actors_and_critics.ItemValues(spec.num_items, tuple(config.hidden))

    def init_params(key: Array) -> Params:
        key_encoder, key_values = jax.random.split(key)
        params = encoder.init(key_encoder)
        return params | {"values": values.init(key_values, jnp.zeros((1, encoder.size)))["params"]}

    def item_values(params: Params, history: Any, observation: Observation) -> Array:
        return values.apply({"params": params["values"]}, encoder.features(params, history, observation))

    def loss_fn(params: Params, target_params: Params, batch: sources.Transitions, key: Array):
        del key
        successor = (batch.next_carry.history, batch.next_observation)
        next_value = td.double_q_value(item_values(params, *successor), item_values(target_params, *successor))
        reward = batch.reward * user_state.reward_scale(spec)
        target = td.td_target(reward, batch.terminated, next_value, discount=config.discount)
        value = td.chosen_value(item_values(params, batch.carry.history, batch.observation), batch.action)
        mean = off_policy.weighted_mean(batch)
        metrics = off_policy.batch_metrics(batch, value, user_state.reward_scale(spec))
        return {"value": mean(td.td_loss(value[..., None], target))}, metrics

    def act(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        del key
        history = user_state.push(history, observation)
        return history, item_actions.greedy_logits(item_values(params, history, observation))

    def explore(
        params: Params, carry: HistoryAndSteps, observation: Observation, key: Array
    ) -> tuple[HistoryAndSteps, Array]:
        history, logits = act(params, carry.history, observation, key)
        is_random = episode_keys.draw(jax.random.uniform, key, carry.steps.shape) < epsilon(config, carry.steps)
        return HistoryAndSteps(history, carry.steps + 1), jnp.where(is_random[:, None], 0.0, logits)

    def init_carry(params: Params, num_users: int) -> HistoryAndSteps:
        del params
        return HistoryAndSteps(encoder.empty(num_users), jnp.zeros(num_users, jnp.int32))

    roles = tuple(jax.eval_shape(init_params, jax.random.key(0)))
    return off_policy.algorithm(
        config, spec, init_params, loss_fn, target_keys=roles,
        policy=Policy(lambda params, num_users: encoder.empty(num_users), act), behaviour=Policy(init_carry, explore),
    )  # fmt: skip


def epsilon(config: ConfigDict, steps: Array) -> Array:
    """Returns each user's chance of a random item, float32 [B].

    Args:
      steps: int32 [B], turns that the user's row has been played for; the environments together made num_envs times
        as many.
    """
    share = jnp.clip(steps * (config.num_envs / config.epsilon_steps), 0.0, 1.0)
    return config.epsilon_first + share * (config.epsilon_last - config.epsilon_first)

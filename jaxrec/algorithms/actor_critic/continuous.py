"""What DDPG, TD3 and SAC share: actions are vectors, also where the environment's actions are items.

Where actions are items, an action vector recommends the item argmax_i <action, e_i / ||e_i||> (M 4.1 follows EasyRL4Rec
here). The policy then returns these scores of all items, to which the rollout's mask of seen items applies; the vector
itself goes into the policy's carry, from where the replay buffer has it.

Our reading: e_i is the state encoder's item embedding at the time of the action, and no gradient goes to it from here.
The critic values the vector's direction, because only the direction chooses the item. A critic that values the vector
itself draws the actor into the corners of [-1, 1]^D, where exploration noise changes no item: DDPG and TD3 then learn
little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import off_policy, user_state
from jaxrec.algorithms.actor_critic.actors_and_critics import Actor, Critics
from jaxrec.base import episode_keys
from jaxrec.base.contracts import Array, Params, Policy
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.models import item_actions
from jaxrec.models.encoders import interactions
from jaxrec.training import sources


@struct.dataclass
class HistoryAndAction:
    """The carry of a policy that explores.

    Attributes:
      history: of B users. action: float32 [B, D], the vector that was drawn after it.
    """

    history: Any
    action: Array


class VectorAgent(NamedTuple):
    """An actor and critics over action vectors of D numbers; F is the numbers of a state.

    Attributes:
      action_size: D, the environment's own, or the width of the item embeddings.
      init_params: (key) -> params with the roles encoder (where there are histories), actor and critic.
      actor: (params, state [..., F]) -> the actor's outputs, unbounded.
      direction: action vectors [..., D] -> the same in unit length where they stand for items, unchanged otherwise.
      critic: (params, state, action) -> values [..., C] of the action's direction.
      states: (params, target_params, batch) -> (states, next states by the target encoder), each [B, F].
      encoder: makes the states.
      reward_scale: the factor that rewards are multiplied by before anything is learned from them.
      noise_scale: the factor of exploration noise: the root mean square D^(-1/2) of a unit vector's numbers where
        vectors stand for items, else 1. The published noise is for numbers in [-1, 1] and would drown a unit vector.
    """

    action_size: int
    init_params: Callable[[Array], Params]
    actor: Callable[[Params, Array], Array]
    direction: Callable[[Array], Array]
    critic: Callable[[Params, Array, Array], Array]
    states: Callable[[Params, Params, sources.Transitions], tuple[Array, Array]]
    encoder: user_state.StateEncoder
    reward_scale: float
    noise_scale: float


def make_agent(
    config: ConfigDict, spec: EnvironmentSpec, *, num_critics: int, outputs_per_action: int = 1
) -> VectorAgent:
    """Makes the agent from the option `hidden` and those of `user_state.make_encoder`.

    Args:
      num_critics: C. outputs_per_action: how many numbers the actor gives for each number of an action.
    """
    encoder = user_state.make_encoder(config, spec)
    size, hidden = spec.action_size or config.width, tuple(config.hidden)
    actors, critics = Actor(size * outputs_per_action, hidden), Critics(num_critics, hidden)

    def init_params(key: Array) -> Params:
        key_encoder, key_actor, key_critic = jax.random.split(key, 3)
        state = jnp.zeros((1, encoder.size))
        return encoder.init(key_encoder) | {
            "actor": actors.init(key_actor, state)["params"],
            "critic": critics.init(key_critic, state, jnp.zeros((1, size)))["params"],
        }

    def states(params: Params, target_params: Params, batch: sources.Transitions) -> tuple[Array, Array]:
        state = encoder.features(params, batch.carry.history, batch.observation)
        return state, encoder.features(target_params, batch.next_carry.history, batch.next_observation)

    direction = (lambda action: action) if spec.action_size else unit_vectors

    return VectorAgent(
        action_size=size,
        init_params=init_params,
        actor=lambda params, state: actors.apply({"params": params["actor"]}, state),
        direction=direction,
        critic=lambda params, state, action: critics.apply({"params": params["critic"]}, state, direction(action)),
        states=states,
        encoder=encoder,
        reward_scale=user_state.reward_scale(spec),
        noise_scale=1.0 if spec.action_size else size**-0.5,
    )


def policies(
    agent: VectorAgent,
    spec: EnvironmentSpec,
    best_action: Callable[[Params, Array], Array],
    draw_action: Callable[[Params, Array, Array], Array],
) -> tuple[Policy, Policy]:
    """Makes the policy that takes the best action and the behaviour policy that draws one.

    Args:
      best_action: (params, state) -> action vector [B, D] in [-1, 1].
      draw_action: (params, state, key) -> the same, with exploration noise.
    """

    def vector_or_scores(params: Params, action: Array) -> Array:
        """Returns the vector itself, or the scores [B, A] that it gives to the items."""
        if spec.action_size:
            return action
        items = interactions.item_vectors(params["encoder"])
        return item_actions.greedy_logits(item_actions.scores(action, items))

    def act(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        del key
        history = user_state.push(history, observation)
        action = best_action(params, agent.encoder.features(params, history, observation))
        return history, vector_or_scores(params, action)

    def explore(
        params: Params, carry: HistoryAndAction, observation: Observation, key: Array
    ) -> tuple[HistoryAndAction, Array]:
        history = user_state.push(carry.history, observation)
        action = draw_action(params, agent.encoder.features(params, history, observation), key)
        return HistoryAndAction(history, action), vector_or_scores(params, action)

    def init_carry(params: Params, num_users: int) -> HistoryAndAction:
        del params
        return HistoryAndAction(agent.encoder.empty(num_users), jnp.zeros((num_users, agent.action_size)))

    return Policy(lambda params, num_users: agent.encoder.empty(num_users), act), Policy(init_carry, explore)


def target_roles(agent: VectorAgent, *without: str) -> tuple[str, ...]:
    """Returns the roles of the parameters that have a target copy: all of them, without those named."""
    return tuple(role for role in jax.eval_shape(agent.init_params, jax.random.key(0)) if role not in without)


def with_gaussian_noise(
    agent: VectorAgent, actor: Callable[[Params, Array], Array], std: float, largest: float = jnp.inf
) -> Callable[[Params, Array, Array], Array]:
    """Makes `draw_action(params, state, key)`: the actor's action plus independent normals, clipped to [-1, 1].

    Args:
      std, largest: standard deviation and largest size of the noise, of numbers in [-1, 1]; `agent.noise_scale` brings
        the noise to the size of the action's numbers.
    """

    def draw_action(params: Params, state: Array, key: Array) -> Array:
        action = actor(params, state)
        noise = jnp.clip(std * episode_keys.draw(jax.random.normal, key, action.shape), -largest, largest)
        return jnp.clip(action + agent.noise_scale * noise, -1.0, 1.0)

    return draw_action


def without_gradient(params: Params) -> Params:
    """Stops gradients at the parameters: the actor's loss trains neither the critic that it ascends nor the encoder."""
    return jax.tree.map(jax.lax.stop_gradient, params)


def defaults() -> ConfigDict:
    """Returns the shared settings with EasyRL4Rec's rates: actor 1e-4, critic and encoder 1e-3."""
    config = off_policy.defaults()
    config.optimizer.groups = ConfigDict(
        {
            "actor": {"pattern": "actor/", "learning_rate": 1e-4},
            "critic": {"pattern": "(critic|encoder)/", "learning_rate": 1e-3},
        }
    )
    return config

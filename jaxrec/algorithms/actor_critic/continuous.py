"""What DDPG, TD3 and SAC share: actions are vectors, also where the environment's actions are items.

An action vector recommends the item argmax_i <action, e_i / ||e_i||> (paper M 4.1 follows EasyRL4Rec here). A policy
therefore returns these scores, to which the rollout's mask of seen items applies; the vector itself is in the carry,
from where the replay buffer has it. Our reading: e_i is the state encoder's item embedding as it stands when the action
is taken, no gradient goes to it from here; and the critic values the vector's direction, which is all that chooses. A
critic of the vector itself is climbed into the corners of [-1, 1]^D, where noise changes no item: DDPG and TD3 then
learn little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.actor_critic import off_policy, state
from jaxrec.algorithms.actor_critic.actors_and_critics import Actor, Critics
from jaxrec.base.contracts import Array, Params, Policy
from jaxrec.base.records import Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.models import item_actions
from jaxrec.models.encoders import interactions
from jaxrec.training import sources


@struct.dataclass
class Acted:
    """The behaviour policy's carry: the history, and the vector [B, D] taken after it."""

    history: Any
    action: Array


class Agent(NamedTuple):
    """Attributes:
    action_size: D, the environment's own or the width of the item embeddings.
    init_params: key -> params with the roles encoder (where there are histories), actor and critic.
    actor: (params, state) -> [..., outputs], unbounded.
    direction: vectors [..., D] in unit length where they stand for items, as they are where they are the actions.
    critic: (params, state, action) -> [..., C], of the action's direction.
    states: (params, target_params, batch) -> (state, the next state under the target encoder).
    target: (batch, next value [B]) -> TD target [B].
    noise_scale: what noise is multiplied by, the root mean square of a unit vector's numbers where vectors stand for
      items: as published beside numbers in [-1, 1], it would drown them.
    """

    action_size: int
    init_params: Callable[[Array], Params]
    actor: Callable[[Params, Array], Array]
    direction: Callable[[Array], Array]
    critic: Callable[[Params, Array, Array], Array]
    states: Callable[[Params, Params, sources.Transitions], tuple[Array, Array]]
    encoder: state.StateEncoder
    reward_scale: float
    noise_scale: float


def build(config: ConfigDict, spec: EnvironmentSpec, *, num_critics: int, outputs_per_action: int = 1) -> Agent:
    """Reads `hidden` and what `state.build` reads."""
    encoder = state.build(config, spec)
    size, hidden = spec.action_size or config.width, tuple(config.hidden)
    actors, critics = (
        Actor(size * outputs_per_action, hidden),
        Critics(num_critics, hidden),
    )

    def init_params(key: Array) -> Params:
        key_encoder, key_actor, key_critic = jax.random.split(key, 3)
        one = jnp.zeros((1, encoder.size))
        return encoder.init(key_encoder) | {
            "actor": actors.init(key_actor, one)["params"],
            "critic": critics.init(key_critic, one, jnp.zeros((1, size)))["params"],
        }

    def states(params: Params, target_params: Params, batch: sources.Transitions) -> tuple[Array, Array]:
        now = encoder.features(params, batch.carry.history, batch.observation)
        return now, encoder.features(target_params, batch.next_carry.history, batch.next_observation)

    direction = (lambda action: action) if spec.action_size else unit_vectors

    return Agent(
        action_size=size,
        init_params=init_params,
        actor=lambda params, now: actors.apply({"params": params["actor"]}, now),
        direction=direction,
        critic=lambda params, now, action: critics.apply({"params": params["critic"]}, now, direction(action)),
        states=states,
        encoder=encoder,
        reward_scale=state.reward_scale(spec),
        noise_scale=1.0 if spec.action_size else size**-0.5,
    )


def policies(
    agent: Agent,
    spec: EnvironmentSpec,
    best: Callable[[Params, Array], Array],
    sample: Callable[[Params, Array, Array], Array],
) -> tuple[Policy, Policy]:
    """(policy, behaviour) of best(params, state) and sample(params, state, key), action vectors in [-1, 1]."""

    def output(params: Params, action: Array) -> Array:
        if spec.action_size:
            return action
        items = interactions.item_vectors(params["encoder"])
        return item_actions.greedy_logits(item_actions.scores(action, items))

    def act(params: Params, history: Any, observation: Observation, key: Array) -> tuple[Any, Array]:
        del key
        history = state.push(history, observation)
        return history, output(params, best(params, agent.encoder.features(params, history, observation)))

    def explore(params: Params, carry: Acted, observation: Observation, key: Array) -> tuple[Acted, Array]:
        history = state.push(carry.history, observation)
        action = sample(params, agent.encoder.features(params, history, observation), key)
        return Acted(history, action), output(params, action)

    def start(params: Params, num_users: int) -> Acted:
        del params
        return Acted(agent.encoder.empty(num_users), jnp.zeros((num_users, agent.action_size)))

    return Policy(lambda params, num_users: agent.encoder.empty(num_users), act), Policy(start, explore)


def roles(agent: Agent, *without: str) -> tuple[str, ...]:
    """The roles that have a target copy."""
    return tuple(role for role in jax.eval_shape(agent.init_params, jax.random.key(0)) if role not in without)


def with_gaussian_noise(
    agent: Agent, actor: Callable[[Params, Array], Array], std: float, largest: float = jnp.inf
) -> Callable[[Params, Array, Array], Array]:
    """sample(params, state, key): the actor's action plus independent normals, clipped to [-1, 1].

    `std` and the `largest` noise are those of numbers in [-1, 1]; `agent.noise_scale` brings them to the action's.
    """

    def sample(params: Params, now: Array, key: Array) -> Array:
        action = actor(params, now)
        noise = jnp.clip(std * jax.random.normal(key, action.shape), -largest, largest)
        return jnp.clip(action + agent.noise_scale * noise, -1.0, 1.0)

    return sample


def constant(params: Params) -> Params:
    """The parameters as numbers: an actor's loss must not train the critic it climbs, nor the encoder."""
    return jax.tree.map(jax.lax.stop_gradient, params)


def defaults() -> ConfigDict:
    """Rates of EasyRL4Rec: actor 1e-4, critic and encoder 1e-3."""
    config = off_policy.defaults()
    config.optimizer.groups = ConfigDict(
        {
            "actor": {"pattern": "actor/", "learning_rate": 1e-4},
            "critic": {"pattern": "(critic|encoder)/", "learning_rate": 1e-3},
        }
    )
    return config

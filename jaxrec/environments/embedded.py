"""The generated world's users as a gymnax environment: dynamics of `data.world.dynamics`, tables of
`data.world.generator`.

reset: user, session and starting item are uniform (the starting item is never in the exit window); the first intent is
       drawn by the user's mix of intents.
step:  the reward r_t is in [1, 5], paid on the leaving step too; the user leaves (terminated) by the world's rule,
       never at turn 0; the episode is cut off (truncated) after `max_steps_in_episode` items.

The hidden intent, its weights and the user's patience are in the state and never in the observation. The test
environment is the same world with users of whom no event is logged (`users = "test"`): their index tells a policy
nothing, their feedback does.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions, Observation
from jaxrec.data.world import dynamics, settings
from jaxrec.data.world import generator as worlds
from jaxrec.data.world.dynamics import Session, StepDraws
from jaxrec.environments import item_spaces
from jaxrec.environments.item_spaces import observe
from jaxrec.environments.sampling import uniform_index

POOLS = ("train", "test", "all")

RANGES = {
    **ranges.under("world", settings.RANGES),
    "users": ranges.choice(*POOLS),
    "max_turn": ranges.COUNT,
    "exits": ranges.SWITCH,
}


def defaults() -> ConfigDict:
    return ConfigDict(
        {
            "world": worlds.defaults(),  # must be the world of the log, where there is one
            "users": "train",  # whose episodes: train (logged users), test (users without a log) or all
            "max_turn": 20,  # items shown at most
            "exits": True,  # False: users never leave (modes NX_k)
        }
    )


@struct.dataclass
class EnvParams:
    """What the environment holds.

    Attributes:
      tables: the world on the device. exits: bool [], whether users may leave.
      first_user, num_pool: int32 [], the first of the users whose episodes are played, and how many they are.
      max_steps_in_episode: static.
    """

    tables: worlds.Tables
    first_user: Array
    num_pool: Array
    exits: Array
    max_steps_in_episode: int = struct.field(pytree_node=False)


@struct.dataclass
class StartDraws:
    """The random choices of a reset, int32: `user`, counted from `first_user`, `session` and the starting `item`; and
    float32 in [0, 1): `intent`, by which the first intent is picked from the user's mix."""

    user: Array
    session: Array
    item: Array
    intent: Array


def make(
    config: ConfigDict, *, interactions: Interactions | None = None, user_model: Any = None, root: Any = None
) -> tuple[EmbeddedWorld, EnvParams]:
    """Makes (environment, params).

    Args:
      interactions: a log of the same world, which is only compared with it; None where there is no log.

    Raises:
      JaxrecError: settings that cannot be, a user model, or the log of another world.
    """
    del root
    if user_model is not None:
        raise JaxrecError("environment 'embedded' has true users: remove environment.user_model from the config")
    ranges.check("environment 'embedded': ", config, RANGES)
    world = worlds.generate(config.world)
    if interactions is not None:
        _check_same_world(world, interactions)
    first, count = _pool(world, config.users)
    params = EnvParams(
        tables=jax.tree.map(jnp.asarray, world.tables),
        first_user=jnp.int32(first),
        num_pool=jnp.int32(count),
        exits=jnp.bool_(config.exits),
        max_steps_in_episode=int(config.max_turn),
    )
    return EmbeddedWorld(params), params


def facts(config: ConfigDict, interactions: Interactions | None) -> list[str]:
    """Returns no sentence for the report: the world's settings are in its config."""
    del config, interactions
    return []


def draw_start(key: Array, params: EnvParams) -> StartDraws:
    """Draws the user, the session, the starting item and the first intent of an episode."""
    bits = jax.random.bits(key, (4,), jnp.uint32)
    return StartDraws(
        user=uniform_index(bits[0], params.num_pool),
        session=uniform_index(bits[1], params.tables.drift.shape[1]),
        item=uniform_index(bits[2], len(params.tables.item_category)),
        intent=_unit(bits[3]),
    )


def draw_step(key: Array) -> StepDraws:
    """Draws what a step needs: the noise of the rating, whether the intent switches, and the intent that follows."""
    bits = jax.random.bits(key, (3,), jnp.uint32)
    open_unit = _unit(bits[0]) + jnp.float32(2.0**-25)
    return StepDraws(
        noise=jnp.sqrt(2.0) * jax.lax.erf_inv(2 * open_unit - 1), switch=_unit(bits[1]), intent=_unit(bits[2])
    )


class EmbeddedWorld(environment.Environment[Session, EnvParams]):
    """Simulates the generated world's users (see above). The observation's `vector` is empty."""

    has_item_actions = True
    has_exit_switch = True

    def __init__(self, params: EnvParams):
        self._num_items = len(params.tables.item_category)
        self._num_users = len(params.tables.user_patience)
        self._default_params = params
        self.reward_range = (float(params.tables.dynamics.low), float(params.tables.dynamics.high))

    @property
    def reset_chunk(self) -> int | None:
        """Returns 256 on a CPU, where that is twice as fast; elsewhere None, because a loop would wait for the host."""
        return 256 if jax.default_backend() == "cpu" else None

    @property
    def default_params(self) -> EnvParams:
        return self._default_params

    def reset_env(self, key: Array, params: EnvParams) -> tuple[Observation, Session]:
        draws = draw_start(key, params)
        user = params.first_user + draws.user
        state = dynamics.open_session(params.tables, user, draws.session, draws.intent, xp=jnp)
        return observe(state, draws.item, jnp.float32(0)), state

    def step_env(
        self, key: Array, state: Session, action: Array, params: EnvParams
    ) -> tuple[Observation, Session, Array, Array, dict[str, Array]]:
        action = jnp.asarray(action, jnp.int32)
        state, reward, leave = dynamics.advance(params.tables, state, action, draw_step(key), xp=jnp)
        terminated = leave & params.exits
        return observe(state, action, reward), state, reward, terminated, {"discount": 1.0 - terminated}

    def item_facts(self, params: EnvParams) -> dict[str, np.ndarray]:
        """Returns `categories` bool [A, G], by which users get bored, and `window`, how many items they remember.

        What users like is in the log alone.
        """
        category = np.asarray(params.tables.item_category)
        window = np.int32(params.tables.window)
        return {"categories": category[:, None] == np.arange(category.max() + 1)[None], "window": window}

    @property
    def name(self) -> str:
        return "embedded"

    @property
    def num_actions(self) -> int:
        return self._num_items

    def action_space(self, params: EnvParams | None = None) -> spaces.Discrete:
        return spaces.Discrete(self._num_items)

    def observation_space(self, params: EnvParams) -> spaces.Dict:
        return item_spaces.observation_space(self._num_users, self._num_items, self.reward_range)


def _unit(bits: Array) -> Array:
    """Returns float32 in [0, 1) from uint32 random words."""
    return (bits >> 8).astype(jnp.float32) * jnp.float32(2.0**-24)


def _pool(world: worlds.World, users: str) -> tuple[int, int]:
    """Returns (the first user of the pool, how many there are)."""
    first = world.num_logged if users == "test" else 0
    count = {"train": world.num_logged, "test": world.num_users - world.num_logged, "all": world.num_users}[users]
    if count < 1:
        raise JaxrecError("environment 'embedded': users = test, but world.num_test_users is 0: set it to 1 or more")
    return first, count


def _check_same_world(world: worlds.World, interactions: Interactions) -> None:
    """Raises JaxrecError where the log has other sizes or another popularity of items than the world."""
    if (interactions.num_users, interactions.num_items) != (world.num_users, world.num_items):
        raise JaxrecError(
            f"environment 'embedded': the log has {interactions.num_users} users x {interactions.num_items} items, "
            f"the world {world.num_users} x {world.num_items}: give data.options and environment.world the same sizes"
        )
    popularity = interactions.item_features.get("popularity")
    if popularity is None or not np.allclose(popularity, world.popularity, rtol=1e-4, atol=0):
        raise JaxrecError(
            "environment 'embedded': the log comes from another world: give data.options and environment.world "
            "the same settings, seed included"
        )

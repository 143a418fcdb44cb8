"""Feedback-matrix environments: Coat, YahooR3, ML-1M, KuaiRec, KuaiRand, or any log of yours (M 4.1).

reset: the user is uniform; so is the starting item, which is the first observation and never in the exit window.
step:  the reward is the matrix's entry, paid on the leaving step too; the user leaves (terminated) by the exit rule,
       never at turn 0; the episode is cut off (truncated) after `max_steps_in_episode` items.

There are two forms. `dense` holds the completed N x A matrix: observed ratings, and clipped predictions elsewhere.
`factors` holds the user model's factors alone and clips their dot product, also where a rating was observed, so that
nothing N x A or A x A exists. A dense form that does not fit in the memory that is free is refused by its size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxrec.base import memory, ranges
from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions, Observation
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.environments import completion, distance_file, exit_rules, item_spaces, reward_range
from jaxrec.environments.item_spaces import observe
from jaxrec.environments.sampling import uniform_index

RANGES = {
    **{leaf: ranges.choice(*known) for leaf, known in completion.CHOICES.items()},
    "reward_low": ranges.or_none(ranges.FINITE),
    "reward_high": ranges.or_none(ranges.FINITE),
    "clip_ratings": ranges.SWITCH,
    "exits": ranges.SWITCH,
    "exit_distances": ranges.TEXT,
    "category_feature": ranges.TEXT,
    "window": ranges.COUNT,
    "threshold": ranges.or_none(ranges.NOT_NEGATIVE),
    "max_turn": ranges.COUNT,
}


def defaults() -> ConfigDict:
    return ConfigDict(
        {
            "split": "train",  # whose ratings: train, test, or all; no rating of the other split is used
            "form": "dense",  # dense (completed matrix) or factors (dot products, for catalogues too large for it)
            "reward_low": placeholder(float),  # predictions are clipped to reward_low, reward_high, in the log's unit
            "reward_high": placeholder(float),  # None for either: the lowest or the highest rating of the log
            "clip_ratings": False,  # True: the two may cut off logged ratings; otherwise such a range is refused
            "reward_origin": "zero",  # zero, or least: what is paid is the reward minus the least one (EasyRL4Rec)
            "episodes_of": "all",  # all, or test: only users and items with test ratings have episodes
            "exits": True,  # False: users never leave
            "exit_rule": "distance",  # distance (of columns in the completed matrix) or category
            "exit_distance_source": "own",  # own (this split) or test (EasyRL4Rec's leak of the test matrix)
            "exit_distances": "",  # a .npy file of distances [A, A] between items, used in their place
            "category_feature": "category",  # item feature [A, C] of zeros and ones, for the category rule
            "window": 7,  # N, the actions in the exit window
            "window_mode": "easyrl4rec",  # easyrl4rec (comparable with published numbers) or last_n
            "threshold": 6.0,  # leaves if an item is nearer (distance) or a category more often (category)
            "max_turn": 30,  # items per episode at most
        }
    )


@struct.dataclass
class EnvState:
    """One user in an episode.

    Attributes:
      user, time: int32, whose episode it is and the turn. recent: int32 [N], the last N actions, newest first; the item
        0 where there was none yet.
    """

    user: Array
    time: Array
    recent: Array


@struct.dataclass
class EnvParams:
    """What an environment holds of its users.

    Attributes:
      rewards: a record of `environments.rewards`. exit_rule: one of `environments.exit_rules`.
      exits: bool [], whether users may leave.
      max_steps_in_episode, window, window_mode: static; see `exit_rules.window_size`.
      origin: float32 [], subtracted from the rewards that are paid, not from the feedback that policies see.
    """

    rewards: Any
    exit_rule: Any
    exits: Array
    max_steps_in_episode: int = struct.field(pytree_node=False)
    window: int = struct.field(pytree_node=False)
    window_mode: str = struct.field(pytree_node=False)
    origin: Array | float = 0.0


def make(
    config: ConfigDict, *, interactions: Interactions, user_model: Any = None, root: Path | None = None
) -> tuple[FeedbackMatrix, EnvParams]:
    """Makes (environment, params) from the ratings of one split (M 4.1).

    Args:
      interactions: a log, of which the rows of `config.split` are used; with exit_distance_source = test the test rows
        too.
      user_model: predicts the missing ratings, fitted on the same rows: (user factors [N, D], item factors [A, D]) or,
        in the form `dense`, any function of users int32 [n] to ratings [n, A]; {"train": ..., "test": ...} of such
        models with exit_distance_source = test; None where no rating is missing.

    Raises:
      JaxrecError: settings that cannot be, or a log or user model that does not suit them.
    """
    del root
    _check_options(config, interactions)
    rewards, exit_rule = completion.rewards_and_exit_rule(config, interactions, user_model)
    origin = rewards.range()[0] if config.reward_origin == "least" else 0.0
    params = EnvParams(
        rewards=rewards,
        exit_rule=exit_rule,
        exits=jnp.asarray(bool(config.exits)),
        max_steps_in_episode=int(config.max_turn),
        window=int(config.window),
        window_mode=config.window_mode,
        origin=jnp.float32(origin),
    )
    return FeedbackMatrix(params), params


def expected_spec(config: ConfigDict, interactions: Interactions) -> EnvironmentSpec:
    """Returns the facts of the environment that need no user model."""
    _check_options(config, interactions)
    low, high, _ = reward_range.of(config, interactions)
    bounds = (0.0, high - low) if config.reward_origin == "least" else (low, high)
    returns = (bounds[0] * config.max_turn, bounds[1] * config.max_turn)
    users, items = completion.users_and_items(config, interactions)
    sizes = (int(users.sum()), int(items.sum()), int(config.max_turn))
    return EnvironmentSpec(*sizes, reward_range=bounds, return_range=returns, item_ids=interactions.item_ids[items])


def facts(config: ConfigDict, interactions: Interactions) -> list[str]:
    """Returns sentences about the environment for the report."""
    return [reward_range.fact(config, interactions)]


def _check_options(config: ConfigDict, interactions: Interactions) -> None:
    """Raises JaxrecError where an option cannot be, or the log is missing or too small for a simulator."""
    where = "environment 'feedback_matrix': "
    if interactions is None:
        raise JaxrecError(where + "no interactions given; name a dataset (config.data.name)")
    if min(interactions.num_users, interactions.num_items) < 2:
        raise JaxrecError(
            f"{where}{interactions.name} has {interactions.num_users} user(s) and {interactions.num_items} item(s); "
            "a simulator needs two of each at least"
        )
    if config.threshold is None:
        raise JaxrecError(
            f"{where}threshold must be set, for it depends on the ratings of {interactions.name}; set it in the config "
            f"or by a flag, --config.datasets.{config.split}.threshold=NUMBER"
        )
    ranges.check(where, config, RANGES)
    reward_range.of(config, interactions)
    _, items = completion.users_and_items(config, interactions)
    if config.exit_distances and config.exit_rule != "distance":
        raise JaxrecError(f"{where}exit_distances are for exit_rule = distance; remove them, or set it")
    if config.exit_distances:
        distance_file.read(config.exit_distances, int(items.sum()))
    if config.form == "dense":
        memory.check(
            where,
            completion.dense_bytes(config, interactions),
            f"the completed matrix of {interactions.num_users:,} users x {interactions.num_items:,} items",
            "set form to 'factors'",
        )


class FeedbackMatrix(environment.Environment[EnvState, EnvParams]):
    """Simulates the users of one matrix (M 4.1; see above). The observation's `vector` is empty."""

    has_item_actions = True
    has_exit_switch = True
    reset_chunk = None

    def __init__(self, params: EnvParams):
        self._default_params = params
        self._num_users = params.rewards.num_users
        self._num_items = params.rewards.num_items
        self._feedback_range = params.rewards.range()
        self.reward_range = tuple(bound - float(params.origin) for bound in self._feedback_range)

    @property
    def default_params(self) -> EnvParams:
        return self._default_params

    def reset_env(self, key: Array, params: EnvParams) -> tuple[Observation, EnvState]:
        bits = jax.random.bits(key, (2,), jnp.uint32)
        user = uniform_index(bits[0], self._num_users)
        state = EnvState(user=user, time=jnp.int32(0), recent=jnp.zeros((params.window,), jnp.int32))
        return observe(state, uniform_index(bits[1], self._num_items), jnp.float32(0)), state

    def step_env(
        self, key: Array, state: EnvState, action: Array, params: EnvParams
    ) -> tuple[Observation, EnvState, Array, Array, dict[str, Array]]:
        del key
        action = jnp.asarray(action, jnp.int32)
        feedback = params.rewards.reward(state.user, action)
        reward = feedback - params.origin
        count = exit_rules.window_size(state.time, params.window, params.window_mode)
        terminated = params.exit_rule.leaves(action, state.recent, count) & params.exits
        recent = jnp.concatenate([action[None], state.recent[:-1]])
        state = EnvState(user=state.user, time=state.time + 1, recent=recent)
        return observe(state, action, feedback), state, reward, terminated, {"discount": 1.0 - terminated}

    def item_facts(self, params: EnvParams) -> dict[str, np.ndarray]:
        """Returns `liking` float [A], the mean reward over the users (before clipping in the form `factors`); `ratings`
        float [N, A] in the form `dense`, or `rating_vectors` float [A, D]; and the exit rule: its `window`, its
        `threshold`, and what it compares, `categories` bool [A, C], `distance` float [A, A], or `vectors` float
        [A, D]."""
        rule = params.exit_rule
        window, threshold = np.int32(params.window), np.float32(rule.threshold)
        return {**params.rewards.facts(), "window": window, "threshold": threshold, **rule.compared()}

    @property
    def name(self) -> str:
        return "feedback_matrix"

    @property
    def num_actions(self) -> int:
        return self._num_items

    def action_space(self, params: EnvParams | None = None) -> spaces.Discrete:
        return spaces.Discrete(self._num_items)

    def observation_space(self, params: EnvParams) -> spaces.Dict:
        return item_spaces.observation_space(self._num_users, self._num_items, self._feedback_range)

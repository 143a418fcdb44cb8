"""The losses of Q-values that SQN, SNQN, SA2C, SMORL and SMONAC are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double
from jaxrec.algorithms.next_item.double import Drawn
from jaxrec.base import ranges
from jaxrec.base.contracts import Array
from jaxrec.base.specs import Spec
from jaxrec.losses import sampled_actions, sequence
from jaxrec.losses import temporal_difference as td


def negative_defaults() -> ConfigDict:
    """What sampled actions need."""
    return ConfigDict(
        {
            "num_negatives": 10,  # K per state, uniform over the catalogue; L takes 1
            "negative_reward": 0.0,  # of an action that was not taken
        }
    )


def check_negatives(config: ConfigDict) -> None:
    """Raises JaxrecError where nothing would be sampled, or its reward is no number."""
    ranges.check("algorithm.", config, {"num_negatives": ranges.COUNT, "negative_reward": ranges.FINITE})


class Values(NamedTuple):
    """Q by the drawn network: `taken` [R, C] of the actions, `sampled` [R, K, C] of K others, of which some count."""

    taken: Array
    sampled: Array
    counts: Array


def taken(drawn: Drawn) -> Array:
    """Q(s, a+) [R, C]."""
    return double.values(drawn.network["values"], drawn.hidden, drawn.steps.action[:, None])[:, 0]


def with_sampled(config: ConfigDict, spec: Spec, drawn: Drawn, key: Array) -> Values:
    """Of the taken actions and of K uniform ones per state; those that are the taken one do not count."""
    action = drawn.steps.action[:, None]
    negatives = sample(key, action.shape[0], config.num_negatives, spec.num_items)
    values = double.values(drawn.network["values"], drawn.hidden, jnp.concatenate([action, negatives], 1))
    return Values(values[:, 0], values[:, 1:], negatives != action)


def sample(key: Array, rows: int, num_negatives: int, num_items: int) -> Array:
    """int32 [R, K], uniform over the catalogue."""
    return jax.random.randint(key, (rows, num_negatives), 0, num_items)


def taken_error(
    config: ConfigDict, drawn: Drawn, values: Array, reward: Array, weights: Sequence[float] = (1.0,)
) -> Array:
    """The mean over known transitions of (r + discount * Q'(s', a*) - Q(s, a+))^2 (L Eq. 10), heads weighted, a scalar;
    times `value_weight`.

    Args:
      values, reward: [R, C].
    """
    ended = jnp.broadcast_to(drawn.steps.ended[:, None], reward.shape)
    target = td.td_target(reward, ended, drawn.after, discount=config.discount)
    error = sampled_actions.td_error(values, target) @ jnp.asarray(weights, jnp.float32)
    return config.value_weight * sequence.masked_mean(error, drawn.steps.known)


def sampled_error(config: ConfigDict, drawn: Drawn, values: Values, weights: Sequence[float] = (1.0,)) -> Array:
    """The same over states, of the sum over K of (r- + discount * Q'(s, a*) - Q(s, a-))^2 (L Eq. 11)."""
    reward, never = jnp.full_like(drawn.here, config.negative_reward), jnp.zeros_like(drawn.here, bool)
    target = td.td_target(reward, never, drawn.here, discount=config.discount)
    error = sampled_actions.sampled_td_error(values.sampled, target, values.counts) @ jnp.asarray(weights, jnp.float32)
    return config.value_weight * sequence.masked_mean(error, drawn.steps.real)

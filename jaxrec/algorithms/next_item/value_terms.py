"""The Q-losses that SQN, SNQN, SA2C, SMORL and SMONAC are put together from.

The positive loss is about the logged action a+, the negative loss about K sampled items a- that were not taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.next_item import double, softmax_head
from jaxrec.algorithms.next_item.double import DoubleQBatch
from jaxrec.base import ranges
from jaxrec.base.contracts import Array
from jaxrec.base.specs import SequencesSpec
from jaxrec.losses import sampled_actions, sequence
from jaxrec.losses import temporal_difference as td

NEGATIVE_RANGES = {"num_negatives": ranges.COUNT, "negative_reward": ranges.FINITE}


def negative_defaults() -> ConfigDict:
    """Returns the options of the negative loss."""
    return ConfigDict(
        {
            "num_negatives": 10,  # K per state, uniform over the catalogue; L takes 1
            "negative_reward": 0.0,  # of an action that was not taken
        }
    )


class ActionValues(NamedTuple):
    """Q-values of the learning network at R states, by C heads.

    Attributes:
      positive: float32 [R, C], Q(s, a+). negative: float32 [R, K, C], Q(s, a-).
      is_negative: bool [R, K], False where the sampled item is the logged action itself.
    """

    positive: Array
    negative: Array
    is_negative: Array


def next_item_loss(batch: DoubleQBatch) -> Array:
    """Returns the cross-entropy of the logged actions under the learning network's softmax, a scalar (L Eq. 8)."""
    steps = batch.transitions
    return softmax_head.cross_entropy(softmax_head.of(batch.network), batch.states, steps.action, steps.real)


def positive_values(batch: DoubleQBatch) -> Array:
    """Returns Q(s, a+) [R, C] of the logged actions."""
    return double.action_values(batch.network["values"], batch.states, batch.transitions.action[:, None])[:, 0]


def action_values(config: ConfigDict, spec: SequencesSpec, batch: DoubleQBatch, key: Array) -> ActionValues:
    """Returns the values of the logged actions and of K items per state that are sampled by the key."""
    action = batch.transitions.action[:, None]
    negatives = sample_negatives(key, action.shape[0], config.num_negatives, spec.num_items)
    actions = jnp.concatenate([action, negatives], 1)
    values = double.action_values(batch.network["values"], batch.states, actions)
    return ActionValues(values[:, 0], values[:, 1:], negatives != action)


def sample_negatives(key: Array, rows: int, num_negatives: int, num_items: int) -> Array:
    """Samples items uniformly over the catalogue, int32 [R, K]."""
    return jax.random.randint(key, (rows, num_negatives), 0, num_items)


def positive_td_loss(
    config: ConfigDict, batch: DoubleQBatch, values: Array, reward: Array, weights: Sequence[float] = (1.0,)
) -> Array:
    """Returns `value_weight` times the mean of (r + discount * Q'(s', a*) - Q(s, a+))^2, a scalar (L Eq. 10).

    a* is the best action at s' by the learning network, Q' the other network. The mean is over the transitions whose
    next state is known.

    Args:
      values: float32 [R, C], Q(s, a+). reward: float32 [R, C]. weights: of the C heads' errors.
    """
    ended = jnp.broadcast_to(batch.transitions.ended[:, None], reward.shape)
    target = td.td_target(reward, ended, batch.next_best_value, discount=config.discount)
    error = sampled_actions.td_error(values, target) @ jnp.asarray(weights, jnp.float32)
    return config.value_weight * sequence.masked_mean(error, batch.transitions.known)


def negative_td_loss(
    config: ConfigDict, batch: DoubleQBatch, values: ActionValues, weights: Sequence[float] = (1.0,)
) -> Array:
    """Returns `value_weight` times the mean over states of the sum over the K sampled actions of
    (r- + discount * Q'(s, a*) - Q(s, a-))^2, a scalar (L Eq. 11).

    The target bootstraps at s and not at s', because an action that was not taken leaves the state as it is.
    """
    best = batch.best_value
    reward, never = jnp.full_like(best, config.negative_reward), jnp.zeros_like(best, bool)
    target = td.td_target(reward, never, best, discount=config.discount)
    error = sampled_actions.sampled_td_error(values.negative, target, values.is_negative)
    error = error @ jnp.asarray(weights, jnp.float32)
    return config.value_weight * sequence.masked_mean(error, batch.transitions.real)

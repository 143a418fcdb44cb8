"""Recommends items uniformly at random: the lower reference of every table."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.base import episode_keys
from jaxrec.base.contracts import Algorithm, Array, Params, Policy
from jaxrec.base.episode_keys import EpisodeKey
from jaxrec.base.records import Interactions, Observation
from jaxrec.base.specs import EnvironmentSpec


def defaults() -> ConfigDict:
    """Returns no options: there is nothing to set."""
    return ConfigDict()


def estimate(
    config: ConfigDict, spec: EnvironmentSpec, interactions: Interactions | None = None, **facts: Any
) -> Params:
    """Returns no parameters; the arguments are those of every static policy."""
    del config, spec, interactions, facts
    return {}


def _scramble(x: Array) -> Array:
    """Maps uint32 one to one so that each output bit depends on every input bit (Wellons' low-bias 32-bit mixer)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


def scores(key: Array | EpisodeKey, num_users: int, num_items: int) -> Array:
    """Draws scores uniform in [0, 1), float32 [B, A]: the best of any subset of items is a uniform draw from it.

    One random word per user, mixed with the item's index: a threefry draw per user and item costs ten times as much.
    """
    word = episode_keys.draw(jax.random.bits, key, (num_users, 1), dtype=jnp.uint32)
    item = _scramble(jnp.arange(num_items, dtype=jnp.uint32) + jnp.uint32(0x9E3779B9))[None]
    mixed = _scramble(jnp.broadcast_to(word, (num_users, num_items)) ^ jnp.broadcast_to(item, (num_users, num_items)))
    return (mixed >> 8).astype(jnp.float32) * jnp.float32(2.0**-24)


def make(config: ConfigDict, spec: EnvironmentSpec) -> Algorithm:
    """Makes the policy; continuous actions are uniform in [-1, 1]."""

    def act(params: Params, carry: tuple, observation: Observation, key: EpisodeKey) -> tuple[tuple, Array]:
        del params
        num_users = observation.turn.shape[0]
        if spec.action_size:
            shape = (num_users, spec.action_size)
            return carry, episode_keys.draw(jax.random.uniform, key, shape, minval=-1.0, maxval=1.0)
        return carry, scores(key, num_users, spec.num_items)

    return Algorithm(None, None, Policy(lambda params, num_users: (), act), estimate=partial(estimate, config, spec))

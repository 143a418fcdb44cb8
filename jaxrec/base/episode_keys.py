"""Random draws that belong to an episode, whichever episodes are played beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from flax import struct

Array = jax.Array


@struct.dataclass
class EpisodeKey:
    """One random key for a batch of B episodes, which are some of N.

    Draws are made for all N episodes, and the batch takes those of its own. So an episode has the same draws however
    many others are played at once.

    Attributes:
      key: a random key; a function that draws consumes it.
      num_episodes: N.
      index: int32 [B], which of the N episodes the batch holds; None where it holds all of them, in order.
    """

    key: Array
    num_episodes: int = struct.field(pytree_node=False)
    index: Array | None = None


def of(key: Array | EpisodeKey, num_episodes: int) -> EpisodeKey:
    """Returns the key itself, or an EpisodeKey of a batch that holds all `num_episodes` episodes."""
    return key if isinstance(key, EpisodeKey) else EpisodeKey(key, num_episodes)


def split(key: Array | EpisodeKey, num: int) -> list[EpisodeKey] | Array:
    """Returns `num` independent keys of the kind of `key`, which is consumed."""
    if not isinstance(key, EpisodeKey):
        return jax.random.split(key, num)
    return [key.replace(key=part) for part in jax.random.split(key.key, num)]


def draw(sampler: Callable[..., Array], key: Array | EpisodeKey, shape: tuple[int, ...], **options: Any) -> Array:
    """Returns an array of `shape`, [B, ...], of which each episode of the batch has a row of its own.

    Args:
      sampler: (key, shape, **options) -> array, as `jax.random.normal`; `jax.random.split` gives a key to each episode.
      key: of B episodes; a plain random key where the batch holds all episodes.
      options: of the sampler.
    """
    key = of(key, shape[0])
    drawn = sampler(key.key, (key.num_episodes, *shape[1:]), **options)
    return drawn if key.index is None else drawn[key.index]

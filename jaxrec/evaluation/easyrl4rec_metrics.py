"""Diversity, novelty and turn-wise coverage of episodes as EasyRL4Rec (Yu et al., 2024) defines them.

CV_turn               distinct items recommended in any episode / all turns of all episodes
diversity_easyrl4rec  mean over episodes of the mean of 1 - s(i, j) over the pairs of an episode's recommendations
novelty_easyrl4rec    mean over episodes of the mean over the episode's recommendations of -ln of the item's popularity

The similarity s is 1 / (1 + D), D being the Euclidean distance of the items' columns in the completed matrix (Coat,
YahooR3, MovieLens-1M, KuaiRand), or the Jaccard similarity of the items' categories (KuaiRec). An item's popularity is
its train events with a liked feedback over the users of the train log; liked is 3 or more on Coat and YahooR3, 4 on
MovieLens-1M, 1 on KuaiRec, any on KuaiRand. Our reading: an item without such an event counts as one with a single
event, for the published formula is infinite there; the logarithm is the natural one; episodes of one turn have no pair
and are left out of the diversity.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array
from jaxrec.evaluation.episode_metrics import Mean

NAMES = ("CV_turn", "diversity_easyrl4rec", "novelty_easyrl4rec")


@struct.dataclass
class Items:
    """What these metrics must know of the items.

    Attributes:
      popularity: float32 [A], in (0, 1].
      similarity: float32 [A, A], s of each pair; None where `vectors` are given.
      vectors: float32 [A, D], whose Euclidean distances are D; None where `similarity` is given.
    """

    popularity: Array
    similarity: Array | None = None
    vectors: Array | None = None


def similarities(items: Items, episode: Array) -> Array:
    """Returns s of each pair of the items int32 [T] of one episode, float32 [T, T]."""
    if items.similarity is not None:
        return items.similarity[episode[:, None], episode[None, :]]
    vectors = items.vectors[episode]
    difference = vectors[:, None, :] - vectors[None, :, :]
    return 1.0 / (1.0 + jnp.sqrt(jnp.sum(difference * difference, -1)))


def diversity(items: Items, action: Array, mask: Array) -> Mean:
    """Returns the sum over episodes of their diversity, and how many episodes have a pair.

    Args:
      action: int32 [T, B]. mask: bool [T, B], the turns of each episode.
    """
    earlier = jnp.tri(action.shape[0], k=-1, dtype=bool)

    def of_episode(episode: Array, turns: Array) -> tuple[Array, Array]:
        pair = earlier & turns[:, None] & turns[None, :]
        total = jnp.sum(jnp.where(pair, 1.0 - similarities(items, episode), 0.0))
        return total / jnp.maximum(jnp.sum(pair), 1), jnp.any(pair)

    mean, has_pair = jax.vmap(of_episode, (1, 1))(action, mask)
    return Mean(jnp.sum(mean), jnp.sum(has_pair))


def novelty(items: Items, action: Array, mask: Array) -> Mean:
    """Returns the sum over episodes of their novelty, and how many episodes there are; arguments as of `diversity`."""
    information = -jnp.log(items.popularity)[action]
    turns = jnp.sum(mask, 0)
    mean = jnp.sum(jnp.where(mask, information, 0.0), 0) / jnp.maximum(turns, 1)
    return Mean(jnp.sum(mean), jnp.sum(turns > 0))

"""What lists of recommended items are worth, as sums and counts that add up over batches (T 4.5.1, 5.4.3).

HR@k        share of targets among the first k of their list
NDCG@k      mean over targets of 1 / log2(1 + rank) if the rank (from 1) is at most k, else 0
CV_div@k    distinct items recommended in any list / items there are
CV_nov@k    distinct items of the tail recommended in any list / items in the tail (our reading of "percentage of less
            popular items included"; the tail is what `data.sequences.tail` says)
R@k         mean over sessions of the recommendations that repeat one made earlier in the session (T 4.20; our reading:
            recommendations in all its lists less distinct items)
UP@k        mean over users of how many of the first k the user's past sessions do not hold (our reading: the mean over
            the lists of the user's session, since published values stay below k)
HR_ser@k, NDCG_ser@k   HR and NDCG over the targets alone that the user's past sessions do not hold
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.types import Array


@struct.dataclass
class Ranking:
    """Sums over lists, one entry per k where [K]; add two of them to join what they counted.

    Attributes:
      hit, surprise_hit: int32 [K]; gain, surprise_gain: float32 [K], discounted; over targets and unexpected targets.
      covered: bool [K, A], the items recommended at all.
      repeats: int32 [K]; unseen: float32 [K], summed over sessions.
      targets, surprises, sessions: int32, what the sums are divided by.
    """

    hit: Array
    gain: Array
    surprise_hit: Array
    surprise_gain: Array
    covered: Array
    repeats: Array
    unseen: Array
    targets: Array
    surprises: Array
    sessions: Array

    def __add__(self, other: Ranking) -> Ranking:
        return jax.tree.map(lambda a, b: a | b if a.dtype == bool else a + b, self, other)


def count(top: Array, target: Array, mask: Array, past: Array, *, ks: Sequence[int], num_items: int) -> Ranking:
    """What the lists of B sessions add.

    Args:
      top: int32 [B, T, L], the items best first, L the largest k or all items there are. target: int32 [B, T].
      mask: bool [B, T], the places that have a target. past: int32 [B, P], what the user met before, padded with -1.
    """
    match = (top == target[..., None]) & mask[..., None]
    discount = 1 / jnp.log2(jnp.arange(top.shape[-1], dtype=jnp.float32) + 2)
    surprising = mask & ~_among(target, past)
    unseen = ~_among(top, past) & mask[..., None]
    places = mask.sum(1)

    def per_k(value) -> Array:
        return jnp.stack([value(min(k, top.shape[-1])) for k in ks])

    def gain(where: Array, k: int) -> Array:
        return jnp.sum(jnp.where(where[..., None], match, False)[..., :k] * discount[None, None, :k])

    return Ranking(
        hit=per_k(lambda k: match[..., :k].sum()),
        gain=per_k(lambda k: gain(mask, k)),
        surprise_hit=per_k(lambda k: (match[..., :k].any(-1) & surprising).sum()),
        surprise_gain=per_k(lambda k: gain(surprising, k)),
        covered=per_k(lambda k: _covered(top[..., :k], mask, num_items)),
        repeats=per_k(lambda k: _repeats(top[..., :k], mask)),
        unseen=per_k(lambda k: jnp.sum(unseen[..., :k].sum((1, 2)) / jnp.maximum(places, 1))),
        targets=mask.sum(),
        surprises=surprising.sum(),
        sessions=(places > 0).sum(),
    )


def _among(items: Array, past: Array) -> Array:
    """Whether each of items [B, ...] is in its row of past [B, P]."""
    known = jnp.sort(past, axis=1)
    flat = items.reshape(items.shape[0], -1)
    place = jax.vmap(jnp.searchsorted)(known, flat)
    found = jnp.take_along_axis(known, jnp.minimum(place, known.shape[1] - 1), axis=1) == flat
    return found.reshape(items.shape)


def _covered(top: Array, mask: Array, num_items: int) -> Array:
    chosen = jnp.where(mask[..., None], top, num_items).reshape(-1)
    return jnp.zeros((num_items,), bool).at[chosen].set(True, mode="drop")


def _repeats(top: Array, mask: Array) -> Array:
    """How many of the recommendations repeat one of the same row [B]."""
    ordered = jnp.sort(jnp.where(mask[..., None], top, -1).reshape(top.shape[0], -1), axis=1)
    return jnp.sum((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0))


def summary(ranking: Ranking, *, ks: Sequence[int], tail: Array | None = None, past: bool = False) -> dict[str, Array]:
    """{"HR@5": float32 [], ...}; 0 where nothing was counted. CV_nov where the tail is given, UP and the serendipity
    metrics where past sessions are known."""
    targets, sessions = jnp.maximum(ranking.targets, 1), jnp.maximum(ranking.sessions, 1)
    found = {"HR": ranking.hit / targets, "NDCG": ranking.gain / targets, "CV_div": ranking.covered.mean(1)}
    if tail is not None:
        found["CV_nov"] = (ranking.covered & tail[None]).sum(1) / jnp.maximum(tail.sum(), 1)
    found["R"] = ranking.repeats / sessions
    if past:
        surprises = jnp.maximum(ranking.surprises, 1)
        found["UP"] = ranking.unseen / sessions
        found["HR_ser"] = ranking.surprise_hit / surprises
        found["NDCG_ser"] = ranking.surprise_gain / surprises
    return {f"{name}@{k}": values[n] for name, values in found.items() for n, k in enumerate(ks)}

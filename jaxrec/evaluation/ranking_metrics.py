"""What lists of recommended items are worth, session by session, so that two models can be compared in pairs
(T 4.5.1, 5.4.3).

HR@k        share of targets among the first k of their list
NDCG@k      mean over targets of 1 / log2(1 + rank) if the rank (from 1) is at most k, else 0
CV_div@k    distinct items recommended in any list / items there are
CV_nov@k    distinct items of the tail recommended in any list / items in the tail (our reading of "percentage of less
            popular items included"; the tail is what `data.long_tail.tail_items` says)
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

from jaxrec.base.contracts import Array


@struct.dataclass
class Ranking:
    """Sums over the lists of each of N sessions, one entry per k where [N, K]; add two of them to join their sessions.

    Attributes:
      hit, surprise_hit: int32 [N, K]; gain, surprise_gain: float32 [N, K], discounted; over targets and unexpected
        targets.
      covered: bool [K, A], the items recommended at all.
      repeats: int32 [N, K]; unseen: float32 [N, K], the mean over the session's lists.
      targets, surprises: int32 [N], how many there were.
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

    def __add__(self, other: Ranking) -> Ranking:
        joined = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), self, other)
        return joined.replace(covered=self.covered | other.covered)


def count(top: Array, target: Array, mask: Array, past: Array, *, ks: Sequence[int], num_items: int) -> Ranking:
    """Of the lists of B sessions.

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
        return jnp.stack([value(min(k, top.shape[-1])) for k in ks], -1)

    def gain(where: Array, k: int) -> Array:
        return jnp.sum(jnp.where(where[..., None], match, False)[..., :k] * discount[None, None, :k], (1, 2))

    return Ranking(
        hit=per_k(lambda k: match[..., :k].sum((1, 2))),
        gain=per_k(lambda k: gain(mask, k)),
        surprise_hit=per_k(lambda k: (match[..., :k].any(-1) & surprising).sum(1)),
        surprise_gain=per_k(lambda k: gain(surprising, k)),
        covered=per_k(lambda k: _covered(top[..., :k], mask, num_items)).T,
        repeats=per_k(lambda k: _repeats(top[..., :k], mask)),
        unseen=per_k(lambda k: unseen[..., :k].sum((1, 2)) / jnp.maximum(places, 1)),
        targets=places,
        surprises=surprising.sum(1),
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
    """[B], how many of a row's recommendations repeat one of the same row."""
    ordered = jnp.sort(jnp.where(mask[..., None], top, -1).reshape(top.shape[0], -1), axis=1)
    return jnp.sum((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0), 1)


def summary(ranking: Ranking, *, ks: Sequence[int], tail: Array | None = None, past: bool = False) -> dict[str, Array]:
    """{"HR@5": float32 [], ...}; 0 where nothing was counted. CV_nov where the tail is given, UP and the serendipity
    metrics where past sessions are known."""
    targets, sessions = jnp.maximum(ranking.targets.sum(), 1), jnp.maximum((ranking.targets > 0).sum(), 1)
    found = {
        "HR": ranking.hit.sum(0) / targets,
        "NDCG": ranking.gain.sum(0) / targets,
        "CV_div": ranking.covered.mean(1),
    }
    if tail is not None:
        found["CV_nov"] = (ranking.covered & tail[None]).sum(1) / jnp.maximum(tail.sum(), 1)
    found["R"] = ranking.repeats.sum(0) / sessions
    if past:
        surprises = jnp.maximum(ranking.surprises.sum(), 1)
        found["UP"] = ranking.unseen.sum(0) / sessions
        found["HR_ser"] = ranking.surprise_hit.sum(0) / surprises
        found["NDCG_ser"] = ranking.surprise_gain.sum(0) / surprises
    return {f"{name}@{k}": values[n] for name, values in found.items() for n, k in enumerate(ks)}


def by_session(ranking: Ranking, *, ks: Sequence[int], past: bool = False) -> dict[str, Array]:
    """{"HR@5": float32 [N], ...}: what each session adds to a metric that is a mean, and how many "targets" and
    "surprises" it has, which are what HR and NDCG, and the serendipity metrics, are means over."""
    sums = {"HR": ranking.hit, "NDCG": ranking.gain, "R": ranking.repeats}
    if past:
        sums |= {"UP": ranking.unseen, "HR_ser": ranking.surprise_hit, "NDCG_ser": ranking.surprise_gain}
    found = {f"{name}@{k}": values[:, n].astype(jnp.float32) for name, values in sums.items() for n, k in enumerate(ks)}
    return found | {"targets": ranking.targets, "surprises": ranking.surprises}

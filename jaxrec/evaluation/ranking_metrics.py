"""Metrics of recommended lists (T 4.5.1, T 5.4.3), kept per session so that two models can be compared in pairs.

HR@k        share of targets among the first k of their list
NDCG@k      mean over targets of 1 / log2(1 + rank) if the rank (from 1) is at most k, else 0
CV_div@k    distinct items recommended in any list / items of the catalogue
CV_nov@k    distinct less popular items recommended in any list / less popular items (our reading of T's "percentage of
            less popular items included"; `data.long_tail.tail_items` says which items are less popular)
R@k         mean over sessions of the number of repeated recommendations (T 4.20; our reading: recommendations in all
            lists of the session less distinct items in them)
UP@k        mean over users of the number of items among the first k that the user's past sessions do not hold (T 5.4.3;
            our reading: first the mean over the lists of the user's session, because published values stay below k)
HR_ser@k, NDCG_ser@k   HR and NDCG over those targets that the user's past sessions do not hold (T 5.4.3)
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.base.contracts import Array


@struct.dataclass
class Ranking:
    """What the metrics above are computed from, for each of N sessions, with lists cut at K ranks.

    A session has one recommended list for each of its targets. A target is a surprise if the user's past sessions do
    not hold it. The sum of two Rankings has the sessions of both.

    Attributes:
      hit, surprise_hit: int32 [N, K], how many targets (surprises) are among the first k of their list.
      gain, surprise_gain: float32 [N, K], the same discounted by rank, as in NDCG.
      covered: bool [K, A], the items that any list recommends.
      repeats: int32 [N, K], recommendations in all lists of the session less the distinct items in them.
      unseen: float32 [N, K], items of a list that the past sessions do not hold, averaged over the session's lists.
      targets, surprises: int32 [N], how many there are.
      unscored: int32 [N], targets whose list was made from scores that are not finite numbers.
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
    unscored: Array

    def __add__(self, other: Ranking) -> Ranking:
        joined = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), self, other)
        return joined.replace(covered=self.covered | other.covered)


def ranking_sums(
    top: Array,
    target: Array,
    mask: Array,
    past: Array,
    *,
    ks: Sequence[int],
    num_items: int,
    scored: Array | None = None,
) -> Ranking:
    """Counts hits, gains and the other sums of the recommended lists of B sessions.

    Args:
      top: int32 [B, T, L], the recommended items, best first; L is the largest k or the whole catalogue.
      target: int32 [B, T]. mask: bool [B, T], the positions that have a target.
      past: int32 [B, P], the items of the user's earlier sessions, padded with -1.
      ks: the K ranks at which lists are cut. num_items: A.
      scored: bool [B, T], whether the scores behind a list were finite numbers; None: all were.
    """
    match = (top == target[..., None]) & mask[..., None]
    discount = 1 / jnp.log2(jnp.arange(top.shape[-1], dtype=jnp.float32) + 2)
    surprising = mask & ~_is_among(target, past)
    unseen = ~_is_among(top, past) & mask[..., None]
    num_targets = mask.sum(1)

    def per_k(value) -> Array:
        return jnp.stack([value(min(k, top.shape[-1])) for k in ks], -1)

    def gain(counted: Array, k: int) -> Array:
        return jnp.sum(jnp.where(counted[..., None], match, False)[..., :k] * discount[None, None, :k], (1, 2))

    return Ranking(
        hit=per_k(lambda k: match[..., :k].sum((1, 2))),
        gain=per_k(lambda k: gain(mask, k)),
        surprise_hit=per_k(lambda k: (match[..., :k].any(-1) & surprising).sum(1)),
        surprise_gain=per_k(lambda k: gain(surprising, k)),
        covered=per_k(lambda k: _covered(top[..., :k], mask, num_items)).T,
        repeats=per_k(lambda k: _repeats(top[..., :k], mask)),
        unseen=per_k(lambda k: unseen[..., :k].sum((1, 2)) / jnp.maximum(num_targets, 1)),
        targets=num_targets,
        surprises=surprising.sum(1),
        unscored=jnp.zeros_like(num_targets) if scored is None else (mask & ~scored).sum(1),
    )


def _is_among(items: Array, past: Array) -> Array:
    """Returns bool [B, ...]: whether each of items int32 [B, ...] is in its row of past int32 [B, P]."""
    ordered = jnp.sort(past, axis=1)
    flat = items.reshape(items.shape[0], -1)
    position = jax.vmap(jnp.searchsorted)(ordered, flat)
    nearest = jnp.take_along_axis(ordered, jnp.minimum(position, ordered.shape[1] - 1), axis=1)
    return (nearest == flat).reshape(items.shape)


def _covered(top: Array, mask: Array, num_items: int) -> Array:
    """Returns bool [A]: the items that any of the lists [B, T, k] recommends."""
    recommended = jnp.where(mask[..., None], top, num_items).reshape(-1)
    return jnp.zeros((num_items,), bool).at[recommended].set(True, mode="drop")


def _repeats(top: Array, mask: Array) -> Array:
    """Returns int32 [B]: how many recommendations of a session's lists [B, T, k] repeat an earlier one of it
    (T 4.20)."""
    ordered = jnp.sort(jnp.where(mask[..., None], top, -1).reshape(top.shape[0], -1), axis=1)
    return jnp.sum((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0), 1)


def summary(ranking: Ranking, *, ks: Sequence[int], tail: Array | None = None, past: bool = False) -> dict[str, Array]:
    """Returns {"HR@5": float32 [], ...}; 0 where nothing was counted, NaN where scores were not finite numbers.

    Args:
      tail: bool [A], the less popular items; None leaves out CV_nov.
      past: whether past sessions were known; False leaves out UP, HR_ser and NDCG_ser.
    """
    targets, sessions = jnp.maximum(ranking.targets.sum(), 1), jnp.maximum((ranking.targets > 0).sum(), 1)
    metrics = {
        "HR": ranking.hit.sum(0) / targets,
        "NDCG": ranking.gain.sum(0) / targets,
        "CV_div": ranking.covered.mean(1),
    }
    if tail is not None:
        metrics["CV_nov"] = (ranking.covered & tail[None]).sum(1) / jnp.maximum(tail.sum(), 1)
    metrics["R"] = ranking.repeats.sum(0) / sessions
    if past:
        surprises = jnp.maximum(ranking.surprises.sum(), 1)
        metrics["UP"] = ranking.unseen.sum(0) / sessions
        metrics["HR_ser"] = ranking.surprise_hit.sum(0) / surprises
        metrics["NDCG_ser"] = ranking.surprise_gain.sum(0) / surprises
    metrics = {name: jnp.where(ranking.unscored.sum() > 0, jnp.nan, values) for name, values in metrics.items()}
    return {f"{name}@{k}": values[n] for name, values in metrics.items() for n, k in enumerate(ks)}


def by_session(ranking: Ranking, *, ks: Sequence[int], past: bool = False) -> dict[str, Array]:
    """Returns {"HR@5": float32 [N], ...}, what each session adds to the sum behind a metric, with "targets" and
    "surprises", int32 [N], the counts that HR and NDCG, and their serendipity variants, divide by."""
    sums = {"HR": ranking.hit, "NDCG": ranking.gain, "R": ranking.repeats}
    if past:
        sums |= {"UP": ranking.unseen, "HR_ser": ranking.surprise_hit, "NDCG_ser": ranking.surprise_gain}
    metrics = {
        f"{name}@{k}": values[:, n].astype(jnp.float32) for name, values in sums.items() for n, k in enumerate(ks)
    }
    return metrics | {"targets": ranking.targets, "surprises": ranking.surprises}

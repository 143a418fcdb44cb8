"""Returns of several objectives (T 4.4.3), as logged and as asked for when ranking (T 4.4.6, Algorithm 2).

A sequence x_1, ..., x_{T+1} has T steps; step t's action is x_{t+1}. Arrays have time last ([..., T]), so that a batch
of sequences or of windows needs no vmap; the mask is that of the steps, a prefix.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.losses.returns_to_go import returns_to_go

OBJECTIVES = ("acc", "nov", "div")  # accuracy, novelty, diversity: in the order of the trajectory (T 4.1)


def similarity(vectors: Array, mask: Array) -> Array:
    """Sim(x_1, ..., x_t) [..., T], the mean cosine over the pairs of distinct places; 1 of a single item.

    Args:
      vectors: float32 [..., T, E] of length 1, or 0 where nothing is known of an item.

    Running sums: the cosines of all pairs add up to half of |sum of vectors|^2 less the sum of their squares.
    """
    vectors = jnp.where(mask[..., None], vectors, 0.0)
    total = jnp.sum(jnp.cumsum(vectors, -2) ** 2, -1)
    own = jnp.cumsum(jnp.sum(vectors**2, -1), -1)
    count = jnp.cumsum(mask.astype(jnp.float32), -1)
    return jnp.where(count > 1, (total - own) / jnp.maximum(count * (count - 1), 1.0), 1.0)


def logged(mask: Array, novel: Array | None, vectors: Array | None) -> dict[str, Array]:
    """Objective -> [..., T], what the rest of a logged sequence earned (T 4.3, 4.4, 4.6).

    Args:
      mask: bool [..., T]. novel: bool [..., T], whether each step's action is of the tail. vectors: float32
        [..., T, E], of the items x_1, ..., x_T seen before each action. None where that return is not asked for.
    """
    found = {"acc": returns_to_go(mask.astype(jnp.float32))}
    if novel is not None:
        found["nov"] = returns_to_go((novel & mask).astype(jnp.float32))
    if vectors is not None:
        found["div"] = 1.0 + similarity(vectors, mask)
    return found


def largest(length: int) -> dict[str, float]:
    """Objective -> the largest return of a sequence of so many steps."""
    return {"acc": float(length), "nov": float(length), "div": 2.0}


def wished(novel: Array, epsilon: Array | float) -> Array:
    """Whether a novel item is asked for at each step, bool [..., T]: where the share of novel ones among the steps
    before reaches epsilon (T 4.18). Our reading: at the first step, with none before, that share counts as 0."""
    earned = novel.astype(jnp.float32)
    before = jnp.cumsum(earned, -1) - earned
    return before / jnp.maximum(_place(novel), 1) >= epsilon


def asked(mask: Array, novel: Array | None, vectors: Array | None, inference: Mapping[str, Array]) -> dict[str, Array]:
    """Objective -> [..., T], what is asked of the step p after x_1, ..., x_p, where p is the number of real places.

    Args:
      mask, vectors: as in `logged`. novel: bool [..., T], of the actions; that of step p is not looked at.
      inference: scalars 'ahead' (T 4.4.6: T = p + 1 in the accuracy return, so 1), 'epsilon' (T 4.18) and 'diversity'
        (the factor lambda of the diversity return).

    Our reading: steps before p keep the diversity return of Eq. 4.6, step p takes that of step p - 1, or 1 where there
    is none (Algorithm 2).
    """
    length = mask.sum(-1, keepdims=True)
    place = _place(mask)
    found = {"acc": jnp.where(mask, length + inference["ahead"] - place, 0.0).astype(jnp.float32)}
    if novel is not None:
        reward = jnp.where(place == length - 1, wished(novel, inference["epsilon"]), novel & (place < length - 1))
        found["nov"] = returns_to_go(reward.astype(jnp.float32))
    if vectors is not None:
        seen = 1.0 + similarity(vectors, mask)
        previous = jnp.concatenate([jnp.ones_like(seen[..., :1]), seen[..., :-1]], -1)
        found["div"] = inference["diversity"] * jnp.where(place == length - 1, previous, seen)
    return found


def _place(steps: Array) -> Array:
    """int32 [..., T] of as many axes as `steps` has: 0, 1, ..., T - 1."""
    return jnp.arange(steps.shape[-1])[(None,) * (steps.ndim - 1)]

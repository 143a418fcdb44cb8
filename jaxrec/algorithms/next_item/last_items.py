"""Rankers without a network: what they know of a session is its last items, so those are their state."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp

from jaxrec.algorithms.next_item.prefixes import every_position
from jaxrec.base.contracts import Array, Params, Ranker


def make_ranker(num_last: int, scores: Callable[[Params, Array], Array]) -> Ranker:
    """Makes a ranker whose state is int32 [..., num_last], the last items, newest first, -1 where there are fewer.

    Args:
      scores: (params, states [R, num_last]) -> [R, A].
    """

    def states(params: Params, item: Array, feedback: Array, mask: Array) -> Array:
        return states_at(params, item, feedback, mask, every_position(item))

    def states_at(params: Params, item: Array, feedback: Array, mask: Array, positions: Array) -> Array:
        del params, feedback
        source = positions[..., None] - jnp.arange(num_last)[None, None]  # [B or 1, P, num_last]
        inside = jnp.maximum(source, 0)
        last, real = (jnp.take_along_axis(x[:, None], inside, axis=2) for x in (item, mask))
        return jnp.where(real & (source >= 0), last, -1)

    return Ranker(states, states_at, scores)


def popular_behind(scores: Array, popularity: Array) -> Array:
    """Returns scores [R, A] in which the items without a score, 0, come by popularity [A] behind all that have one.

    Scores are at least 0. Those of unscored items become negative: popularity's share of its maximum, less 1.
    """
    share = popularity / (popularity.max() + 1.0)
    return jnp.where(scores > 0, scores, share[None] - 1.0)

"""Scores of items for policies whose actions are vectors, and logits of policies that always take the best item."""

from __future__ import annotations

import jax

from jaxrec.base.contracts import Array
from jaxrec.base.unit_vectors import unit_vectors

# A power of two, so that the product is exact and the order of the values stays.
_SHARPNESS = 2.0**20


def scores(action: Array, items: Array) -> Array:
    """Returns <action, e_i / ||e_i||>, [..., A], for every item i (EasyRL4Rec); no gradient reaches the item vectors.

    Args:
      action: [..., D]. items: [A, D], the vectors e_i; the score of a zero vector is 0.
    """
    return action @ unit_vectors(jax.lax.stop_gradient(items)).T


def greedy_logits(values: Array) -> Array:
    """Returns logits [..., A] whose softmax puts all probability on the item with the largest value [..., A].

    A rollout may sample from a policy's logits, after it has masked the items already recommended. Under these logits
    it draws the best of the remaining items. Items whose values lie within about 1e-6 of the best are drawn too.
    """
    return values * _SHARPNESS

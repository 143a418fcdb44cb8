"""Between vectors and items: how a policy that thinks in continuous actions recommends from a catalogue, and how a
policy that always takes the best says so in logits."""

from __future__ import annotations

import jax

from jaxrec.base.contracts import Array
from jaxrec.base.unit_vectors import unit_vectors

# A power of two: multiplying by it is exact, so the order of the scores does not change.
_SHARPNESS = 2.0**20


def scores(action: Array, items: Array) -> Array:
    """<action, e_i / ||e_i||> [..., A] of an action vector [..., D] and item vectors [A, D] (EasyRL4Rec).

    An item without a direction (a zero vector) scores 0. No gradient goes to the item vectors.
    """
    return action @ unit_vectors(jax.lax.stop_gradient(items)).T


def greedy_logits(values: Array) -> Array:
    """Logits [..., A] whose softmax takes the item of the largest value, also among those a no-repeat mask leaves.

    A rollout may sample from a policy's logits; the logits of a deterministic policy must then leave it no choice.
    Items within about 1e-6 of the best are ties.
    """
    return values * _SHARPNESS

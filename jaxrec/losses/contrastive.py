"""Weighted contrast between what a model makes of the right prompt and of a wrong one (DT4Rec, WWW 2023)."""

from __future__ import annotations

import chex
import jax.numpy as jnp

from jaxrec.base.contracts import Array


def prompt_contrast(positive: Array, negative: Array, distance: Array) -> Array:
    """distance * |cos(positive [D], negative [D])|, a scalar to be made small.

    The farther apart two prompts are (`distance`, a scalar), the less may their outcomes resemble each other. Our
    reading: the weight is the distance itself, and outcomes that have nothing in common are as far apart as is asked
    for. Without the absolute value the opposite outcome would be best, and a linear head would turn every choice round.
    """
    chex.assert_rank([positive, negative, distance], [1, 1, 0])
    chex.assert_type([positive, negative, distance], float)
    scale = jnp.sqrt(jnp.maximum(jnp.sum(positive**2) * jnp.sum(negative**2), 1e-12))
    return distance * jnp.abs(jnp.sum(positive * negative)) / scale

"""Returns of accuracy, novelty and diversity (T 4.4.3): of logged sequences, and those that MODT4R is conditioned on
when it ranks (T 4.4.6; T Algorithm 2).

A sequence x_1, ..., x_{T+1} has T steps, and the action of step t is x_{t+1}. Arrays have time last, [..., T], so that
batches of sequences or of prefix windows need no vmap. A mask is True on the first steps of a row and False on padding.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.losses.returns_to_go import returns_to_go

OBJECTIVES = ("acc", "nov", "div")  # accuracy, novelty, diversity, in the order of the trajectory (T 4.1)


def similarity(vectors: Array, mask: Array) -> Array:
    """Returns Sim(x_1, ..., x_t) [..., T]: the mean cosine over all pairs of the first t items, 1 of a single item
    (T 4.5, T 4.6).

    Running sums make it linear in T: the cosines of all pairs add up to half of |sum of vectors|^2 less the sum of the
    vectors' squares.

    Args:
      vectors: float32 [..., T, E], each of length 1, or 0 where nothing is known of the item. mask: bool [..., T].
    """
    vectors = jnp.where(mask[..., None], vectors, 0.0)
    square_of_sum = jnp.sum(jnp.cumsum(vectors, -2) ** 2, -1)
    sum_of_squares = jnp.cumsum(jnp.sum(vectors**2, -1), -1)
    count = jnp.cumsum(mask.astype(jnp.float32), -1)
    return jnp.where(count > 1, (square_of_sum - sum_of_squares) / jnp.maximum(count * (count - 1), 1.0), 1.0)


def logged_returns(mask: Array, novel: Array | None, vectors: Array | None) -> dict[str, Array]:
    """Returns objective -> float32 [..., T], the return-to-go of a logged sequence at every step (T 4.3, T 4.4, T 4.6).

    Args:
      mask: bool [..., T].
      novel: bool [..., T], whether each step's action is one of the less popular items; None leaves out 'nov'.
      vectors: float32 [..., T, E], of the items x_1, ..., x_T, one before each action; None leaves out 'div'.
    """
    returns = {"acc": returns_to_go(mask.astype(jnp.float32))}
    if novel is not None:
        returns["nov"] = returns_to_go((novel & mask).astype(jnp.float32))
    if vectors is not None:
        returns["div"] = 1.0 + similarity(vectors, mask)
    return returns


def largest_returns(length: int) -> dict[str, float]:
    """Returns objective -> the largest return that a sequence of `length` steps can have."""
    return {"acc": float(length), "nov": float(length), "div": 2.0}


def inference_novelty_reward(novel: Array, epsilon: Array | float) -> Array:
    """Returns bool [..., T]: whether ranking at each step would condition on a novel item, r_{p,nov} (T 4.18).

    It does where the share of novel actions among the steps before reaches epsilon. Our reading: that share is 0 at the
    first step, which has none before it.

    Args:
      novel: bool [..., T], of the actions; the reward of a step does not depend on its own action.
    """
    reward = novel.astype(jnp.float32)
    sum_before = jnp.cumsum(reward, -1) - reward
    return sum_before / jnp.maximum(_step_index(novel), 1) >= epsilon


def inference_returns(
    mask: Array, novel: Array | None, vectors: Array | None, inference: Mapping[str, Array]
) -> dict[str, Array]:
    """Returns objective -> [..., T], the returns to condition on when ranking x_{p+1} after x_1, ..., x_p, where p is
    the number of real steps (T 4.4.6; T Algorithm 2).

    Our reading: steps before p keep the diversity return of T 4.6, and step p takes that of step p - 1, or 1 where
    p = 1.

    Args:
      mask, vectors: as in `logged_returns`. novel: bool [..., T], of the actions; that of step p is not read.
      inference: scalars 'ahead' (1 in T 4.4.6, where the accuracy return has T = p + 1), 'epsilon' (T 4.18) and
        'diversity' (lambda, the factor of the diversity return).
    """
    num_steps = mask.sum(-1, keepdims=True)
    step = _step_index(mask)
    returns = {"acc": jnp.where(mask, num_steps + inference["ahead"] - step, 0.0).astype(jnp.float32)}
    if novel is not None:
        at_last = inference_novelty_reward(novel, inference["epsilon"])
        reward = jnp.where(step == num_steps - 1, at_last, novel & (step < num_steps - 1))
        returns["nov"] = returns_to_go(reward.astype(jnp.float32))
    if vectors is not None:
        diversity = 1.0 + similarity(vectors, mask)
        previous = jnp.concatenate([jnp.ones_like(diversity[..., :1]), diversity[..., :-1]], -1)
        returns["div"] = inference["diversity"] * jnp.where(step == num_steps - 1, previous, diversity)
    return returns


def _step_index(steps: Array) -> Array:
    """Returns 0, 1, ..., T - 1, int32 with as many axes as `steps` [..., T]."""
    return jnp.arange(steps.shape[-1])[(None,) * (steps.ndim - 1)]

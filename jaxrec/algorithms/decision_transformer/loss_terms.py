"""The losses of decision transformers on a batch of windows, each averaged over the real steps.

Arguments shared by the functions: windows [B, T]; reward, return_to_go float32 [B, T], normalised to [0, 1];
mask bool [B, T], True on real steps. Every loss is a scalar.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxrec.batches.windows import Windows
from jaxrec.losses import expectile, returns_bins, sequence

Array = jax.Array


def action_loss(prediction: Array, windows: Windows) -> Array:
    """Returns the cross-entropy of the logged items, or the mean squared error of the components of continuous actions
    (M 3.4, L_Ng).

    Args:
      prediction: logits float32 [B, T, A], or actions float32 [B, T, D_a].
    """
    if jnp.issubdtype(windows.action.dtype, jnp.integer):
        return sequence.masked_mean(_over_steps(sequence.cross_entropy)(prediction, windows.action), windows.mask)
    return sequence.masked_mean(jnp.mean((prediction - windows.action) ** 2, axis=-1), windows.mask)


def action_accuracy(prediction: Array, windows: Windows) -> dict[str, Array]:
    """Returns the share of steps at which the logged item has the highest logit, under the name of the metric; no
    metric where actions are continuous.

    Args:
      prediction: as for `action_loss`.
    """
    if not jnp.issubdtype(windows.action.dtype, jnp.integer):
        return {}
    hits = (prediction.argmax(-1) == windows.action).astype(jnp.float32)
    return {"prediction/action_accuracy": sequence.masked_mean(hits, windows.mask)}


def reward_loss(prediction: Array, reward: Array, mask: Array) -> Array:
    """Returns the mean squared error of the reward estimates r^_t [B, T] (M 3.4, L_Ne)."""
    return sequence.masked_mean((prediction - reward) ** 2, mask)


def max_return_loss(prediction: Array, return_to_go: Array, mask: Array, level: float) -> Array:
    """Returns L_max, the mean expectile loss of the maximum returns R^_t [B, T] (M Eq. 2; M 3.4).

    Args:
      level: the expectile, alpha in (0, 1).
    """
    losses = _over_steps(lambda p, r: expectile.expectile_loss(p, r, level))(prediction, return_to_go)
    return sequence.masked_mean(losses, mask)


def return_bins_loss(bin_logits: Array, return_to_go: Array, mask: Array) -> Array:
    """Returns the mean cross-entropy of the bins in which the returns lie; it fits P(R_t) of M Eq. 3.

    Args:
      bin_logits: float32 [B, T, K], over K bins of [0, 1].
    """
    label = returns_bins.bin_index(return_to_go, bin_logits.shape[-1])
    return sequence.masked_mean(_over_steps(sequence.cross_entropy)(bin_logits, label), mask)


def _over_steps(loss):
    """Returns `loss`, which is of one step, as a function of arrays [B, T, ...]."""
    return jax.vmap(jax.vmap(loss))

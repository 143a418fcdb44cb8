"""Losses of a batch of windows, each averaged over its real steps."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxrec.batches.windows import Windows
from jaxrec.losses import expectile, returns_bins, sequence

Array = jax.Array


def action_loss(output: Array, windows: Windows) -> Array:
    """Cross-entropy of the logged item, or the mean squared error of a continuous action's components (M 3.4,
    L_Ng)."""
    if jnp.issubdtype(windows.action.dtype, jnp.integer):
        return sequence.masked_mean(_over_steps(sequence.cross_entropy)(output, windows.action), windows.mask)
    return sequence.masked_mean(jnp.mean((output - windows.action) ** 2, axis=-1), windows.mask)


def action_accuracy(output: Array, windows: Windows) -> dict[str, Array]:
    """Share of steps whose highest logit is the logged item; nothing where actions are continuous."""
    if not jnp.issubdtype(windows.action.dtype, jnp.integer):
        return {}
    hits = (output.argmax(-1) == windows.action).astype(jnp.float32)
    return {"prediction/action_accuracy": sequence.masked_mean(hits, windows.mask)}


def reward_loss(prediction: Array, reward: Array, mask: Array) -> Array:
    """Mean squared error [B, T] (M 3.4, L_Ne)."""
    return sequence.masked_mean((prediction - reward) ** 2, mask)


def max_return_loss(prediction: Array, return_to_go: Array, mask: Array, level: float) -> Array:
    """Mean expectile loss [B, T] (M Eq. 2)."""
    losses = _over_steps(lambda p, r: expectile.expectile_loss(p, r, level))(prediction, return_to_go)
    return sequence.masked_mean(losses, mask)


def return_bins_loss(bin_logits: Array, return_to_go: Array, mask: Array) -> Array:
    """Mean cross-entropy of the bin each normalised return [B, T] falls in: what learns P(R) of M Eq. 3."""
    label = returns_bins.bin_of(return_to_go, bin_logits.shape[-1])
    return sequence.masked_mean(_over_steps(sequence.cross_entropy)(bin_logits, label), mask)


def _over_steps(loss):
    return jax.vmap(jax.vmap(loss))

"""Actor and critic on one body, and what they look at."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models import history as histories
from jaxrec.types import Array, Observation, Spec

# No orthogonal initialisers: their QR, vmapped over seeds, has been seen to deadlock on a CPU of two cores.
_SMALL = nn.initializers.variance_scaling(1e-4, "fan_in", "truncated_normal")


class ActorCritic(nn.Module):
    """State [..., F] -> (action logits [..., A] or mean action [..., D_a] in (-1, 1), value [...]).

    One ReLU body of `hidden` layers serves both heads, as in EasyRL4Rec. The first logits are close to equal, so that
    the first policy is close to uniform.
    """

    num_outputs: int
    hidden: tuple[int, ...] = (64, 64)
    continuous: bool = False

    @nn.compact
    def __call__(self, state: Array) -> tuple[Array, Array]:
        for width in self.hidden:
            state = nn.relu(nn.Dense(width, kernel_init=nn.initializers.he_normal())(state))
        output = nn.Dense(self.num_outputs, kernel_init=_SMALL, name="actor")(state)
        value = nn.Dense(1, name="critic")(state)[..., 0]
        return (jnp.tanh(output) if self.continuous else output), value


def sees_history(spec: Spec) -> bool:
    """The window of items is the state, but where the environment has features of its own and no items (VirtualTB)."""
    return not (spec.observation_size and spec.action_size)


def empty_history(spec: Spec, num_users: int, window: int) -> Any:
    """A policy's first carry."""
    return histories.empty(num_users, window) if sees_history(spec) else ()


def push(history: Any, observation: Observation) -> Any:
    """The carry once it has absorbed an observation."""
    return histories.push(history, observation) if isinstance(history, histories.History) else history


def window_arrays(history: histories.History) -> tuple[Array, Array, Array]:
    """(item, feedback, mask), each [..., W]; unlike `history.mask` for any number of leading axes."""
    window = history.item.shape[-1]
    place = jax.lax.broadcasted_iota(jnp.int32, history.item.shape, history.item.ndim - 1)
    return history.item, history.feedback, place >= window - history.length[..., None]


def state_features(spec: Spec, encode, history: Any, observation: Observation) -> Array:
    """[..., F]: the encoded window beside the environment's own features, whichever of the two there are.

    `encode(item, feedback, mask) -> [..., D]`; leading axes of `history` and `observation` agree.
    """
    parts = [encode(*window_arrays(history))] if sees_history(spec) else []
    if spec.observation_size:
        parts.append(observation.vector)
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)

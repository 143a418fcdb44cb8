"""The networks of actors and critics; what a state is made of stands in `user_state`.

F is the numbers of a state, `hidden` the widths of the ReLU layers.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxrec.base.contracts import Array
from jaxrec.models.dense import Dense

# No orthogonal initialisers: their QR, vmapped over seeds, has been seen to deadlock on a CPU of two cores.
_SMALL = nn.initializers.variance_scaling(1e-4, "fan_in", "truncated_normal")


class ActorCritic(nn.Module):
    """Maps a state [..., F] to (action logits [..., A] or a mean action [..., D_a] in (-1, 1), value [...]).

    One body serves both heads, as in EasyRL4Rec. The first logits are close to equal, so that the first policy is close
    to uniform.

    Attributes:
      num_outputs: A, or D_a where actions are continuous.
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


class Body(nn.Module):
    """Applies the ReLU layers: [..., F] -> [..., hidden[-1]]."""

    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        for width in self.hidden:
            inputs = nn.relu(Dense(width, kernel_init=nn.initializers.he_normal())(inputs))
        return inputs


class Actor(nn.Module):
    """Maps a state [..., F] to [..., num_outputs], unbounded; small at first, where tanh still has a slope."""

    num_outputs: int
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, state: Array) -> Array:
        small = nn.initializers.variance_scaling(1e-2, "fan_in", "truncated_normal")
        return Dense(self.num_outputs, kernel_init=small)(Body(self.hidden)(state))


class ItemValues(nn.Module):
    """Maps a state [..., F] to Q(s, i) [..., A] of every item i; all values begin near 0."""

    num_items: int
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, state: Array) -> Array:
        return Dense(self.num_items, kernel_init=_SMALL)(Body(self.hidden)(state))


class Critics(nn.Module):
    """Maps a state [..., F] and an action [..., D] to Q(s, a) [..., C] by C networks that share no parameter."""

    count: int
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, state: Array, action: Array) -> Array:
        inputs = jnp.concatenate([state, action], axis=-1)
        critics = nn.vmap(
            _Critic, in_axes=None, out_axes=-1, axis_size=self.count, variable_axes={"params": 0},
            split_rngs={"params": True},
        )  # fmt: skip
        return critics(self.hidden, name="networks")(inputs)


class _Critic(nn.Module):
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        return Dense(1)(Body(self.hidden)(inputs))[..., 0]

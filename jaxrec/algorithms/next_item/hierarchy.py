"""Networks over the sessions of a user (T 5.3): what one session hands to the next, and the decoder inside one."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxrec.algorithms.decision_transformer.tokens import interleave
from jaxrec.base.contracts import Array
from jaxrec.models.dense import Dense
from jaxrec.models.transformer import Block


class InterGRU(nn.Module):
    """Hier: a recurrent state of the user, moved on by the last state of each session (Quadrana et al., 2017)."""

    width: int

    @nn.compact
    def __call__(self, unexpected: Array, state: Array, user: Array) -> tuple[Array, Array, Array]:
        """unexpected [B], state and user [B, D] -> (goal return of zeros, goal state, user state), each [B, D]."""
        # Not flax's orthogonal default: vmapped over seeds its QR deadlocks on a CPU of two cores.
        cell = nn.GRUCell(self.width, recurrent_kernel_init=nn.initializers.lecun_normal())
        user, goal = cell(user, state)
        return jnp.zeros_like(goal), goal, user


class InterDT(nn.Module):
    """Self-attention with residual connection over (R_c, s_c) (T 5.3, 5.4).

    Our reading: one block of a GPT in which both tokens see each other.
    """

    width: int

    @nn.compact
    def __call__(self, unexpected: Array, state: Array, user: Array) -> tuple[Array, Array, Array]:
        """unexpected [B], state and user [B, D] -> (goal return, goal state, user state as it came), each [B, D]."""
        embedding = self.param("embedding", nn.initializers.normal(self.width**-0.5), (self.width,), jnp.float32)
        tokens = jnp.stack([unexpected[:, None] * embedding[None], state], axis=1)
        made = Block(self.width, 1)(tokens, jnp.ones((1, 2, 2), bool))
        return made[:, 0], made[:, 1], user


class IntraDT(nn.Module):
    """A GPT over (goal return, R^n, s, a) of each step (T 5.9 to 5.14); without R^n where `novelty` is off.

    Actions are read from the state's token, the unexpected return from the goal return's, before the step's state: it
    has seen the item through the action before. Our reading: tokens have learned positions, as GPT's.
    """

    backbone: nn.Module
    num_items: int
    num_steps: int
    width: int
    novelty: bool = True

    def setup(self):
        self.items = nn.Embed(self.num_items, self.width)
        self.position = self.param("position", nn.initializers.normal(0.02), (self.num_steps, self.width), jnp.float32)
        if self.novelty:
            unit = nn.initializers.normal(self.width**-0.5)
            self.novelty_embedding = self.param("novelty", unit, (self.width,), jnp.float32)
        self.return_head = Dense(1)

    def tokens(self, goal_return: Array, novelty: Array, state: Array, action: Array) -> list[Array]:
        """goal_return [B, D], novelty [B, T], state [B, T, D], action int32 [B, T] -> tokens, each [B, T, D]."""
        made = [jnp.broadcast_to(goal_return[:, None], state.shape)]
        if self.novelty:
            made.append(novelty[..., None] * self.novelty_embedding[None, None])
        return [token + self.position[None] for token in (*made, state, self.items(action))]

    def read(self, tokens: list[Array], deterministic: bool = True) -> tuple[Array, Array]:
        """What actions are read from [B, T, D], and the predicted unexpected returns [B, T]."""
        each = len(tokens)
        places = (slice(0, None, each), slice(each - 2, None, each))
        goal, state = jnp.split(self.backbone(interleave(*tokens), None, deterministic, places), 2, axis=1)
        return state, self.return_head(goal)[..., 0]

    def at(self, goal_return: Array, novelty: Array, state: Array, action: Array, step: Array) -> Array:
        """[B, D], what the action of one step [B] of each row is read from."""
        tokens = self.tokens(goal_return, novelty, state, action)
        place = (step + 1) * len(tokens) - 2
        return self.backbone(interleave(*tokens), read=place[:, None])[:, 0]

    def __call__(self, goal_return: Array, novelty: Array, state: Array, action: Array, deterministic: bool = True):
        return self.read(self.tokens(goal_return, novelty, state, action), deterministic)

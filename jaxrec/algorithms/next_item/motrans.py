"""MoTrans (T 4.4.4): a GPT over states, returns of several objectives and actions, five tokens a step."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxrec.algorithms.decision_transformer.tokens import interleave
from jaxrec.base.contracts import Array
from jaxrec.models.dense import Dense

STATES = ("encoded", "item", "implicit")


class MoTrans(nn.Module):
    """Tokens (s, R.., a) of each step, or (R.., s, a) where `return_first` (MRDT), all with the step's position.

    What an action is read from is the last token before it: it sees no later step and not itself. With the state first,
    all returns of a step are predicted from its state, which has seen none of them (our reading of T 4.10, which leaves
    open whether one is predicted from the other). Our reading: tokens are not normed, and positions start as large as
    items and states: what an action is read from holds no item and must find its step's.

    `states` says what a state is: 'encoded' ones are handed in, an 'item' is its embedding (T 4.5.3, _i), 'implicit'
    ones are learned vectors of the place alone (_imp). Our reading: the implicit state of the first step is the first
    item, which no action token holds.
    """

    backbone: nn.Module
    num_items: int
    num_steps: int
    width: int
    num_objectives: int
    states: str = "encoded"
    return_first: bool = False

    def setup(self):
        self.items = nn.Embed(self.num_items, self.width)
        unit = nn.initializers.normal(self.width**-0.5)
        self.position = self.param("position", unit, (self.num_steps, self.width), jnp.float32)
        self.objectives = self.param("objectives", unit, (self.num_objectives, self.width), jnp.float32)
        if self.states == "implicit":
            self.implicit = self.param("implicit", unit, (self.num_steps, self.width), jnp.float32)
        if not self.return_first:
            self.return_head = Dense(self.num_objectives)

    def tokens(self, encoded: Array | None, item: Array, action: Array, returns: Array) -> list[Array]:
        """Each [B, T, D], in the order of the trajectory."""
        state = encoded if self.states == "encoded" else self.items(item)
        if self.states == "implicit":
            first = jnp.arange(self.num_steps)[None, :, None] == 0
            state = jnp.where(first, state, 0.0) + self.implicit[None]
        given = [returns[..., n, None] * self.objectives[n][None, None] for n in range(self.num_objectives)]
        order = [*given, state] if self.return_first else [state, *given]
        return [token + self.position[None] for token in (*order, self.items(action))]

    def read(self, tokens: list[Array], deterministic: bool = True) -> tuple[Array, Array | None]:
        """From tokens, each [B, T, D]: what actions are read from [B, T, D], and predicted returns [B, T, O]."""
        each = len(tokens)
        before_action, state = slice(each - 2, None, each), slice(0, None, each)
        if self.return_first:
            return self.backbone(interleave(*tokens), None, deterministic, (before_action,)), None
        hidden = self.backbone(interleave(*tokens), None, deterministic, (before_action, state))
        action, state = jnp.split(hidden, 2, axis=1)
        return action, self.return_head(state)

    def at(self, encoded: Array | None, item: Array, action: Array, returns: Array, step: Array) -> Array:
        """[B, D], what the action of one step [B] of each row is read from."""
        tokens = self.tokens(encoded, item, action, returns)
        place = (step + 1) * len(tokens) - 2
        return self.backbone(interleave(*tokens), read=place[:, None])[:, 0]

    def __call__(
        self, encoded: Array | None, item: Array, action: Array, returns: Array, deterministic: bool = True
    ) -> tuple[Array, Array | None]:
        """encoded float32 [B, T, D] or None, item and action int32 [B, T], returns float32 [B, T, O]; see `read`."""
        return self.read(self.tokens(encoded, item, action, returns), deterministic)

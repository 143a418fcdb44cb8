"""MoTrans (T 4.4.4): a GPT over the states, the returns of several objectives and the actions of a sequence."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxrec.algorithms.decision_transformer.tokens import interleave
from jaxrec.base.contracts import Array
from jaxrec.models.dense import Dense

STATES = ("encoded", "item", "implicit")


class MoTrans(nn.Module):
    """A GPT over the tokens (state, returns, action) of every step (T 4.1); MRDT (T 4.5.1) has (returns, state,
    action).

    The action is read from the output of the last token before it, which has seen neither that action nor a later step.
    With the state first, all returns of a step are predicted from its state, which has seen none of them; this is our
    reading of T 4.10, which leaves open whether one return is predicted from another. Our reading too: tokens are not
    normed, and positions start as large as items and states, because the token that the action is read from holds no
    item and must find the item of its step.

    Attributes:
      backbone: the transformer. num_items: A. num_steps: T. width: D. num_objectives: O.
      states: 'encoded', by UserTrans; 'item', the embedding of the step's item (MODT4R_i, T figure 4.3a); 'implicit', a
        learned vector of the step's position (MODT4R_imp, T figure 4.3b). Our reading: the implicit state of the first
        step adds the first item, which no action token holds.
      return_first: True for MRDT, which predicts no returns.
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
        """Embeds the parts of every step: tokens in the order of the trajectory, each [B, T, D] (T 4.7, T 4.8).

        Args:
          encoded: float32 [B, T, D], states of UserTrans, or None where `states` is not 'encoded'.
          item, action: int32 [B, T]. returns: float32 [B, T, O].
        """
        state = encoded if self.states == "encoded" else self.items(item)
        if self.states == "implicit":
            first = jnp.arange(self.num_steps)[None, :, None] == 0
            state = jnp.where(first, state, 0.0) + self.implicit[None]
        embedded = [returns[..., n, None] * self.objectives[n][None, None] for n in range(self.num_objectives)]
        order = [*embedded, state] if self.return_first else [state, *embedded]
        return [token + self.position[None] for token in (*order, self.items(action))]

    def outputs(self, tokens: list[Array], deterministic: bool = True) -> tuple[Array, Array | None]:
        """Returns the outputs from which actions are read [B, T, D], and the predicted returns [B, T, O], or None under
        MRDT (T 4.9, T 4.10, T 4.11)."""
        per_step = len(tokens)
        before_action, state = slice(per_step - 2, None, per_step), slice(0, None, per_step)
        if self.return_first:
            return self.backbone(interleave(*tokens), None, deterministic, (before_action,)), None
        hidden = self.backbone(interleave(*tokens), None, deterministic, (before_action, state))
        action, state = jnp.split(hidden, 2, axis=1)
        return action, self.return_head(state)

    def action_output_at(self, encoded: Array | None, item: Array, action: Array, returns: Array, step: Array) -> Array:
        """Returns the output [B, D] from which the action of one step, int32 [B], is read; other arguments as for
        `tokens`."""
        tokens = self.tokens(encoded, item, action, returns)
        position = (step + 1) * len(tokens) - 2
        return self.backbone(interleave(*tokens), output_tokens=position[:, None])[:, 0]

    def __call__(
        self, encoded: Array | None, item: Array, action: Array, returns: Array, deterministic: bool = True
    ) -> tuple[Array, Array | None]:
        """Embeds as `tokens` and returns what `outputs` does."""
        return self.outputs(self.tokens(encoded, item, action, returns), deterministic)

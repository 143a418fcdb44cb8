"""IntraDT: the decision transformer inside a session (T 5.3.4)."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from jaxrec.algorithms.decision_transformer.tokens import interleave
from jaxrec.base.contracts import Array
from jaxrec.models.dense import Dense


class IntraDT(nn.Module):
    """A GPT over the tokens (goal return, novelty return R^n, state, action) of every step (T 5.9, T 5.10, T 5.11).

    The action is read from the output of the step's state, the unexpected return from the output of its goal return
    (T 5.12), which comes before the state: it has seen the step's last item only as the action of the step before. Our
    reading: tokens have learned positions, as in GPT.

    Attributes:
      backbone: the transformer. num_items: A. num_steps: T. width: D.
      novelty: False leaves out the novelty return's token.
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
        """Embeds the four parts of every step: tokens in their order in a step, each [B, T, D] (T 5.9).

        Args:
          goal_return: float32 [B, D]. novelty: float32 [B, T], R^n. state: float32 [B, T, D]. action: int32 [B, T].
        """
        parts = [jnp.broadcast_to(goal_return[:, None], state.shape)]
        if self.novelty:
            parts.append(novelty[..., None] * self.novelty_embedding[None, None])
        return [part + self.position[None] for part in (*parts, state, self.items(action))]

    def outputs(self, tokens: list[Array], deterministic: bool = True) -> tuple[Array, Array]:
        """Returns the outputs at the state tokens [B, T, D], from which actions are read, and the predicted unexpected
        returns [B, T] (T 5.11, T 5.12, T 5.13)."""
        per_step = len(tokens)
        goal_and_state = (slice(0, None, per_step), slice(per_step - 2, None, per_step))
        hidden = self.backbone(interleave(*tokens), None, deterministic, goal_and_state)
        goal, state = jnp.split(hidden, 2, axis=1)
        return state, self.return_head(goal)[..., 0]

    def action_output_at(self, goal_return: Array, novelty: Array, state: Array, action: Array, step: Array) -> Array:
        """Returns the output [B, D] at the state token of one step, int32 [B]; other arguments as for `tokens`."""
        tokens = self.tokens(goal_return, novelty, state, action)
        position = (step + 1) * len(tokens) - 2
        return self.backbone(interleave(*tokens), output_tokens=position[:, None])[:, 0]

    def __call__(
        self, goal_return: Array, novelty: Array, state: Array, action: Array, deterministic: bool = True
    ) -> tuple[Array, Array]:
        """Embeds as `tokens` and returns what `outputs` does."""
        return self.outputs(self.tokens(goal_return, novelty, state, action), deterministic)

"""The three questions that every sequence encoder answers: the state after all, after some, or after the last position.

An encoder implements `states` and overrides the other two only where it has a cheaper or different way to them.
"""

from __future__ import annotations

import flax.linen as nn
import jax

from jaxrec.models.dropout import Dropout
from jaxrec.models.encoders import interactions
from jaxrec.models.encoders.interactions import InteractionEmbedding
from jaxrec.models.history import at_positions


class SequenceEncoder(nn.Module):
    """Encodes windows of W (item, feedback) pairs, newest pair last.

    Arguments shared by all methods:
      item: int32 [..., W]. feedback: float32 [..., W], divided by `feedback_scale` inside.
      mask: bool [..., W], True on real pairs. Padding, on either side, counts for nothing, and the state at a padded
        position is finite and meaningless.
      joined: float32 [..., D_j] or None, one vector per window that is mixed into each of its pairs (T 5.5).

    Dropout falls only where random numbers are handed in (`rngs={"dropout": key}`).

    Attributes:
      num_items: A. width: D. feedback_scale: the largest absolute feedback.
      reads_feedback: whether a pair's embedding depends on its feedback. norm_input: whether embedded pairs are
        layer-normed. dropout: the rate of dropout on embedded pairs, and where an encoder says so, inside.
    """

    num_items: int
    width: int
    feedback_scale: float = 1.0
    reads_feedback: bool = True
    norm_input: bool = False
    dropout: float = 0.0

    def setup(self):
        # Named, because `interactions.item_vectors` looks the table up by this name.
        self.embedding = InteractionEmbedding(
            self.num_items, self.width, self.feedback_scale, self.reads_feedback, name=interactions.PARAMETERS
        )
        self.input_dropout = Dropout(self.dropout)
        if self.norm_input:
            self.input_norm = nn.LayerNorm(epsilon=1e-5)

    def embedded(self, item: jax.Array, feedback: jax.Array, joined: jax.Array | None) -> jax.Array:
        """Returns the embedded pairs [..., W, D] as an encoder without positions reads them, normed and dropped out."""
        return self.drop(self.normed(self.embedding(item, feedback, joined)))

    def normed(self, hidden: jax.Array) -> jax.Array:
        """Returns the layer norm of what the encoder reads, [..., W, D], where the options ask for it."""
        return self.input_norm(hidden) if self.norm_input else hidden

    def drop(self, hidden: jax.Array) -> jax.Array:
        """Returns hidden states [..., D] after dropout."""
        return self.input_dropout(hidden, deterministic=not self.has_rng("dropout"))

    def states(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        """Returns the states [..., W, D] after every position, each computed from the pairs at or before it."""
        raise NotImplementedError

    def states_at(
        self,
        item: jax.Array,
        feedback: jax.Array,
        mask: jax.Array,
        positions: jax.Array,
        joined: jax.Array | None = None,
    ) -> jax.Array:
        """Returns the states [..., P, D] after the chosen positions, int32 [..., P]."""
        return at_positions(self.states(item, feedback, mask, joined), positions)

    def __call__(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        """Returns the state [..., D] after the last position: what simulators and policies read, on windows padded on
        the left."""
        return self.states(item, feedback, mask, joined)[..., -1, :]

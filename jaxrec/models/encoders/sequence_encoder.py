"""The three questions that every sequence encoder answers: the state after all, after some, or after the last position.

An encoder implements `states` and overrides the other two only where it has a cheaper or different way to them.
"""

from __future__ import annotations

import flax.linen as nn
import jax

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

    Attributes:
      num_items: A. width: D. feedback_scale: the largest absolute feedback.
    """

    num_items: int
    width: int
    feedback_scale: float = 1.0

    def setup(self):
        # Named, because `interactions.item_vectors` looks the table up by this name.
        self.embedding = InteractionEmbedding(
            self.num_items, self.width, self.feedback_scale, name=interactions.PARAMETERS
        )

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

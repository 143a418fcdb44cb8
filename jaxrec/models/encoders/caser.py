"""Caser (Tang and Wang, 2018): convolutions across the window's last pairs (horizontal) and along them (vertical).

The published settings of the next-item systems: 1 vertical filter, 16 horizontal filters of each of the heights 2, 3
and 4 (T 5.4.2).
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.models.dense import Dense
from jaxrec.models.encoders.sequence_encoder import SequenceEncoder
from jaxrec.models.history import at_positions, earlier


class Encoder(SequenceEncoder):
    """Encodes windows by Caser's two kinds of convolutions, of which one dense layer makes the state.

    Our reading where the paper is silent: padded pairs embed as zero, and a horizontal filter takes its maximum over
    the positions where it ends on a real pair (activations are never negative, so a window without one gives 0). A
    vertical filter has a weight for the newest pair, one for the pair before it, and so on back. So the state after a
    position depends on the pairs up to it alone, not on where in the window they lie.
    """

    num_vertical: int = 1
    num_horizontal: int = 16
    heights: tuple[int, ...] = (2, 3, 4)

    def setup(self):
        super().setup()
        self.horizontal = [Dense(self.num_horizontal, name=f"horizontal_{height}") for height in self.heights]
        self.output = Dense(self.width)

    def states(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        return nn.relu(self.output(self._features(item, feedback, mask, joined)))

    def states_at(
        self,
        item: jax.Array,
        feedback: jax.Array,
        mask: jax.Array,
        positions: jax.Array,
        joined: jax.Array | None = None,
    ) -> jax.Array:
        features = self._features(item, feedback, mask, joined)
        return nn.relu(self.output(at_positions(features, positions)))

    def __call__(
        self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None = None
    ) -> jax.Array:
        pairs = jnp.where(mask[..., None], self.embedded(item, feedback, joined), 0.0)
        horizontal = [activation.max(-2) for activation in self._activations(pairs, mask)]
        vertical = jnp.einsum("sv,...sd->...vd", self._vertical_weights(item.shape[-1])[::-1], pairs)
        return nn.relu(self.output(jnp.concatenate([*horizontal, _flat(vertical)], -1)))

    def _features(self, item: jax.Array, feedback: jax.Array, mask: jax.Array, joined: jax.Array | None) -> jax.Array:
        """Returns what the filters find in the pairs up to every position, [..., W, F]."""
        pairs = jnp.where(mask[..., None], self.embedded(item, feedback, joined), 0.0)
        horizontal = [jax.lax.cummax(a, axis=a.ndim - 2) for a in self._activations(pairs, mask)]
        window = item.shape[-1]
        distance = jnp.arange(window)[:, None] - jnp.arange(window)[None]  # from position t back to position s
        weights = self._vertical_weights(window)[jnp.maximum(distance, 0)]
        weights = jnp.where((distance >= 0)[..., None], weights, 0.0)
        vertical = jnp.einsum("tsv,...sd->...tvd", weights, pairs)
        return jnp.concatenate([*horizontal, _flat(vertical)], -1)

    def _activations(self, pairs: jax.Array, mask: jax.Array) -> list[jax.Array]:
        """Returns one array per height, [..., W, num_horizontal]: each filter's activation where it ends."""
        activations = []
        for height, dense in zip(self.heights, self.horizontal, strict=True):
            stacked = jnp.concatenate([earlier(pairs, steps) for steps in range(height)], -1)
            activations.append(jnp.where(mask[..., None], nn.relu(dense(stacked)), 0.0))
        return activations

    @nn.compact
    def _vertical_weights(self, window: int) -> jax.Array:
        """Returns the vertical filters [W, V], the weight of the newest pair first."""
        return self.param("vertical", nn.initializers.lecun_normal(), (window, self.num_vertical), jnp.float32)


def _flat(vertical: jax.Array) -> jax.Array:
    """[..., V, D] -> [..., V * D]."""
    return vertical.reshape(*vertical.shape[:-2], -1)

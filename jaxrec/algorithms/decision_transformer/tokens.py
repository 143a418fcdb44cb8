"""The tokens that a decision transformer reads: states, returns and actions, embedded in one width."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.batches.windows import Windows
from jaxrec.models.dense import Dense
from jaxrec.models.heads import Embedding

Array = jax.Array


class ItemEmbedding(nn.Module):
    """Embeds items int32 [...] as [..., D]: the `Embedding` of one-hot vectors, whose first layer is a table.

    Attributes:
      num_items: A. width: D. layers: of the embedding, the table included.
    """

    num_items: int
    width: int
    layers: int

    @nn.compact
    def __call__(self, item: Array) -> Array:
        embedded = nn.Embed(self.num_items, self.width)(item)
        for _ in range(self.layers - 1):
            embedded = Dense(self.width)(nn.gelu(embedded, approximate=True))
        return embedded


class PromptEmbedding(nn.Module):
    """Embeds returns R float32 [...] as [..., D], each a weighted mean of learned vectors (DT4Rec's reward prompt).

    The weights are softmax(W h + a h) with h = leaky_relu(w R): the learned soft discretisation of AutoDis (Guo et al.,
    2021), which DT4Rec uses.

    Attributes:
      num_vectors: how many vectors are learned. width: D.
      skip: a. Its value and the softmax's temperature of 1 are our reading.
    """

    num_vectors: int
    width: int
    skip: float = 0.1

    @nn.compact
    def __call__(self, values: Array) -> Array:
        scores = nn.leaky_relu(Dense(self.num_vectors)(values[..., None]))
        weights = nn.softmax(Dense(self.num_vectors)(scores) + self.skip * scores)
        vectors = self.param("vectors", nn.initializers.normal(1.0), (self.num_vectors, self.width), jnp.float32)
        return weights @ vectors


class Tokens(nn.Module):
    """Embeds states, returns and actions; adds a learned embedding of the turn; norms (Decision Transformer).

    The turn is counted from the beginning of the episode, so a step's tokens stay the same when the window moves on.

    Attributes:
      width: D. max_turn: the largest turn there is. num_items: A.
      continuous: actions are vectors [..., D_a] instead of items int32 [...].
      layers: of each embedding: 2 is the MLP of M 3.3; 1 is the linear embedding of M table 4.
      encoder: a state encoder (M 4.1), trained with the rest, for observations that hold the user's history; None where
        the environment's own vector is the whole observation.
      prompt_vectors: 0, or how many vectors returns are mixed from (`PromptEmbedding`) instead of being embedded.
    """

    width: int
    max_turn: int
    num_items: int
    continuous: bool = False
    layers: int = 2
    encoder: nn.Module | None = None
    prompt_vectors: int = 0

    def setup(self):
        self.timestep_embedding = nn.Embed(self.max_turn + 1, self.width)
        self.state_embedding = Embedding(self.width, self.layers)
        if self.prompt_vectors:
            self.return_prompt = PromptEmbedding(self.prompt_vectors, self.width)
        else:
            self.return_embedding = Embedding(self.width, self.layers)
        self.action_embedding = (
            Embedding(self.width, self.layers)
            if self.continuous
            else ItemEmbedding(self.num_items, self.width, self.layers)
        )
        self.norm = nn.LayerNorm(epsilon=1e-5)

    def _timed(self, token: Array, timestep: Array) -> Array:
        return self.norm(token + self.timestep_embedding(jnp.clip(timestep, 0, self.max_turn)))

    def states(self, item: Array, feedback: Array, history_mask: Array, vector: Array, timestep: Array) -> Array:
        """Returns the tokens of states, [..., D].

        Args:
          item, feedback, history_mask: int32, float32 and bool [..., W], the state window, newest pair last.
          vector: float32 [..., D_o], the environment's own features. timestep: int32 [...], the turn.
        """
        features = [] if self.encoder is None else [self.encoder(item, feedback, history_mask)]
        features += [vector] if vector.shape[-1] else []
        return self._timed(self.state_embedding(jnp.concatenate(features, axis=-1)), timestep)

    def returns(self, return_to_go: Array, timestep: Array) -> Array:
        """Returns the tokens [..., D] of normalised returns float32 [...] at the turns int32 [...]."""
        if self.prompt_vectors:
            return self._timed(self.return_prompt(return_to_go), timestep)
        return self._timed(self.return_embedding(return_to_go[..., None]), timestep)

    def actions(self, action: Array, timestep: Array) -> Array:
        """Returns the tokens [..., D] of actions, items int32 [...] or vectors float32 [..., D_a], at the turns."""
        return self._timed(self.action_embedding(action), timestep)

    def __call__(self, windows: Windows) -> tuple[Array, Array, Array]:
        """Returns (state tokens, return tokens, action tokens), each [B, T, D], of windows with normalised returns."""
        w = windows
        return (
            self.states(w.item, w.feedback, w.history_mask, w.vector, w.timestep),
            self.returns(w.return_to_go, w.timestep),
            self.actions(w.action, w.timestep),
        )


def interleave(*tokens: Array) -> Array:
    """Returns K kinds of tokens, each [B, T, D], as one sequence [B, K T, D]: step by step, kinds in argument order."""
    stacked = jnp.stack(tokens, axis=2)
    return stacked.reshape(stacked.shape[0], -1, stacked.shape[-1])

"""What a decision transformer reads: states, returns and actions as tokens of one width."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxrec.batches.windows import Windows
from jaxrec.models.dense import Dense
from jaxrec.models.heads import Embedding

Array = jax.Array


class ItemEmbedding(nn.Module):
    """Items [...] to tokens [..., D]: an `Embedding` of the one-hot, whose first layer is a table."""

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
    """Numbers [...] to tokens [..., D]: learned vectors, mixed by a learned soft discretisation (DT4Rec's prompt).

    The number's scores over the vectors are a skip connection round a linear layer, as in AutoDis (Guo et al., 2021),
    from which DT4Rec takes it: h = leaky_relu(w R), softmax(W h + a h).
    """

    num_vectors: int
    width: int
    skip: float = 0.1  # a; our reading, as is one temperature of 1

    @nn.compact
    def __call__(self, values: Array) -> Array:
        scores = nn.leaky_relu(Dense(self.num_vectors)(values[..., None]))
        weights = nn.softmax(Dense(self.num_vectors)(scores) + self.skip * scores)
        vectors = self.param("vectors", nn.initializers.normal(1.0), (self.num_vectors, self.width), jnp.float32)
        return weights @ vectors


class Tokens(nn.Module):
    """Three embeddings, one learned timestep embedding added to all of them, one norm (published DT).

    Timesteps are absolute turns in the episode, so a token does not change when the window moves on. `encoder` turns
    the (item, feedback) history into a state and is trained with the rest; None where the environment's vector is all
    there is. Returns are normalised, [...]; actions are items [...], or vectors [..., D_a] where `continuous`. With
    `prompt_vectors` returns are embedded by so many learned vectors.
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
        """[..., D] from histories [..., W] and vectors [..., D_o]."""
        parts = [] if self.encoder is None else [self.encoder(item, feedback, history_mask)]
        parts += [vector] if vector.shape[-1] else []
        return self._timed(self.state_embedding(jnp.concatenate(parts, axis=-1)), timestep)

    def returns(self, return_to_go: Array, timestep: Array) -> Array:
        """[..., D] from normalised returns [...]."""
        if self.prompt_vectors:
            return self._timed(self.return_prompt(return_to_go), timestep)
        return self._timed(self.return_embedding(return_to_go[..., None]), timestep)

    def actions(self, action: Array, timestep: Array) -> Array:
        """[..., D]."""
        return self._timed(self.action_embedding(action), timestep)

    def __call__(self, windows: Windows) -> tuple[Array, Array, Array]:
        """(states, returns, actions) of a batch whose returns are normalised, each [B, T, D]."""
        w = windows
        return (
            self.states(w.item, w.feedback, w.history_mask, w.vector, w.timestep),
            self.returns(w.return_to_go, w.timestep),
            self.actions(w.action, w.timestep),
        )


def interleave(*tokens: Array) -> Array:
    """K arrays [B, T, D] to one [B, K T, D], step by step in the order given."""
    stacked = jnp.stack(tokens, axis=2)
    return stacked.reshape(stacked.shape[0], -1, stacked.shape[-1])

"""MDT4Rec's network (M 3.1, 3.4; systems 3): tokens (s, R, a), four heads, none of which sees its own target."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.algorithms.decision_transformer.tokens import Tokens, interleave
from jaxrec.batches.windows import Windows
from jaxrec.models.dense import Dense
from jaxrec.models.heads import MLP

Array = jax.Array


@struct.dataclass
class Predictions:
    """At each step: `max_return` [B, T] (None without the expectile), `bin_logits` [B, T, K], `reward` [B, T] and
    `action` (logits [B, T, A], or in (-1, 1) [B, T, D_a])."""

    max_return: Array | None
    bin_logits: Array
    reward: Array
    action: Array


class Network(nn.Module):
    """Returns and rewards are normalised to [0, 1]. `backbone` is any causal decoder with `Transformer`'s methods."""

    tokens: Tokens
    backbone: nn.Module
    num_outputs: int
    num_bins: int = 60
    use_max: bool = True
    continuous: bool = False

    def setup(self):
        width = self.tokens.width
        self.bins_head = Dense(self.num_bins)
        self.reward_estimator = MLP((width, 1))
        self.action_generator = MLP((width, self.num_outputs))
        if self.use_max:
            self.max_return_head = Dense(1)

    def read_max_return(self, state: Array) -> Array:
        """h(s_t) [..., D] -> R^_t [...]."""
        return self.max_return_head(state)[..., 0]

    def read_bins(self, state: Array) -> Array:
        """h(s_t) [..., D] -> logits over return bins [..., K]."""
        return self.bins_head(state)

    def read_reward(self, state: Array, previous: Array) -> Array:
        """N_e: h(s_t) and h(a_{t-1}) (zeros at a sequence's first step), each [..., D] -> r^_t [...]."""
        return self.reward_estimator(jnp.concatenate([state, previous], axis=-1))[..., 0]

    def read_action(self, state: Array, given: Array, reward: Array) -> Array:
        """N_g: h(s_t) and h(R_t), each [..., D], and r^_t [...] -> logits, or an action in (-1, 1)."""
        output = self.action_generator(jnp.concatenate([state, given, reward[..., None]], axis=-1))
        return jnp.tanh(output) if self.continuous else output

    def read(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> Predictions:
        """Every head at every step from its tokens, each [B, T, D]."""
        hidden = self.backbone(interleave(states, returns, actions), None, deterministic)
        state, given, taken = hidden[:, 0::3], hidden[:, 1::3], hidden[:, 2::3]
        reward = self.read_reward(state, jnp.pad(taken[:, :-1], ((0, 0), (1, 0), (0, 0))))
        return Predictions(
            max_return=self.read_max_return(state) if self.use_max else None,
            bin_logits=self.read_bins(state),
            reward=reward,
            action=self.read_action(state, given, reward),
        )

    def __call__(self, windows: Windows, deterministic: bool = True) -> Predictions:
        return self.read(*self.tokens(windows), deterministic)

"""MDT4Rec's network (M 3.1, 3.4): a causal decoder over the tokens (s, R, a) of every step, and four heads.

With h(x) for the decoder's output at the token x, the heads are R^_t and P(R_t), both from h(s_t); N_e from h(s_t) and
h(a_{t-1}); N_g from h(s_t), h(R_t) and the estimated reward. So no head sees what it is to predict.
"""

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

STATE, RETURN, ACTION = 0, 1, 2  # the order of the tokens of a step (M 3.1)


@struct.dataclass
class MDT4RecPredictions:
    """What MDT4Rec predicts at each step.

    Attributes:
      max_return: float32 [B, T], R^_t, the maximum in-support return, normalised; None where `use_max` is off.
      bin_logits: float32 [B, T, K], of P(R_t) over K bins of the normalised return.
      reward: float32 [B, T], r^_t, normalised.
      action: logits float32 [B, T, A], or numbers in (-1, 1) [B, T, D_a].
    """

    max_return: Array | None
    bin_logits: Array
    reward: Array
    action: Array


class MDT4RecNetwork(nn.Module):
    """Predicts returns, rewards and actions; returns and rewards are normalised to [0, 1].

    Attributes:
      tokens: embeds states, returns and actions. backbone: a causal decoder, see `models.backbone.Backbone`.
      num_outputs: A, or D_a where `continuous`. num_bins: K.
      use_max: False leaves out R^_t (MDT4Rec-Max of M table 4).
    """

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

    def predict_max_return(self, state: Array) -> Array:
        """Returns R^_t [...] from h(s_t) [..., D] (M Eq. 2)."""
        return self.max_return_head(state)[..., 0]

    def predict_bins(self, state: Array) -> Array:
        """Returns the logits [..., K] of P(R_t) from h(s_t) [..., D] (M Eq. 3)."""
        return self.bins_head(state)

    def predict_reward(self, state: Array, previous_action: Array) -> Array:
        """Returns r^_t [...] = N_e(h(s_t), h(a_{t-1})), both [..., D]; zeros stand for h(a_{t-1}) at the first step
        (M 3.4)."""
        return self.reward_estimator(jnp.concatenate([state, previous_action], axis=-1))[..., 0]

    def predict_action(self, state: Array, return_to_go: Array, reward: Array) -> Array:
        """Returns N_g(h(s_t), h(R_t), r^_t) (M 3.4): logits [..., A], or an action in (-1, 1) [..., D_a].

        Args:
          state, return_to_go: float32 [..., D], h(s_t) and h(R_t). reward: float32 [...], r^_t.
        """
        output = self.action_generator(jnp.concatenate([state, return_to_go, reward[..., None]], axis=-1))
        return jnp.tanh(output) if self.continuous else output

    def predict(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> MDT4RecPredictions:
        """Returns the predictions of every head at every step [B, T], from its tokens, each [B, T, D]."""
        hidden = self.backbone(interleave(states, returns, actions), None, deterministic)
        state, return_to_go, action = hidden[:, STATE::3], hidden[:, RETURN::3], hidden[:, ACTION::3]
        reward = self.predict_reward(state, jnp.pad(action[:, :-1], ((0, 0), (1, 0), (0, 0))))
        return MDT4RecPredictions(
            max_return=self.predict_max_return(state) if self.use_max else None,
            bin_logits=self.predict_bins(state),
            reward=reward,
            action=self.predict_action(state, return_to_go, reward),
        )

    def __call__(self, windows: Windows, deterministic: bool = True) -> MDT4RecPredictions:
        """Returns the predictions of every head at every step [B, T] of normalised windows."""
        return self.predict(*self.tokens(windows), deterministic)

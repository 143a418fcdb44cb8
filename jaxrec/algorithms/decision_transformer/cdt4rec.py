"""CDT4Rec (Wang et al., "Causal Decision Transformer for Recommender Systems via Offline RL", SIGIR 2023), for M 4.2.

A causal mechanism estimates the reward that the user in this state will give, and the action is predicted from the
estimate. Our reading follows M 3.4, whose L_dt has the same two terms: the estimate r^_t is computed from the outputs
h(s_t) and h(a_{t-1}). Tokens stand in the order (s, R, a), so that r^_t depends on neither R_t nor a_t. The action is
computed from h(s_t), h(R_t) and r^_t, and the gradient of its loss reaches the estimator too. h(s_t) is an input for
the reason given in `mdt4rec`. One transformer reads the interleaved tokens. Acting starts from a target return, as in
DT.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import dt, loss_terms, network_parts, training_windows
from jaxrec.algorithms.decision_transformer.return_normalisation import normalise_returns_and_rewards
from jaxrec.algorithms.decision_transformer.target_return_policy import make_policy
from jaxrec.algorithms.decision_transformer.tokens import Tokens, interleave
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Scalars
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches.windows import Windows
from jaxrec.models.heads import MLP
from jaxrec.training import learner, optimizers, sources

RANGES = {**dt.RANGES, "reward_weight": ranges.NOT_NEGATIVE}


def defaults() -> ConfigDict:
    """Returns DT's settings, with the weight of the reward estimator's loss."""
    config = dt.defaults()
    config.reward_weight = 1.0  # of the estimator's loss beside the action's
    return config


@struct.dataclass
class RewardAndAction:
    """What CDT4Rec predicts at each step.

    Attributes:
      reward: float32 [...], normalised to [0, 1]. action: logits [..., A], or numbers in (-1, 1) [..., D_a].
    """

    reward: Array
    action: Array


class CDT4RecNetwork(nn.Module):
    """Predicts rewards and actions; returns and rewards are normalised to [0, 1]."""

    tokens: Tokens
    backbone: nn.Module
    num_outputs: int
    continuous: bool = False
    token_order = ("state", "return", "action")  # of each step

    def setup(self):
        self.reward_estimator = MLP((self.tokens.width, 1))
        self.action_generator = MLP((self.tokens.width, self.num_outputs))

    def _heads(self, previous_action: Array, state: Array, return_to_go: Array) -> RewardAndAction:
        """Returns the predictions from the outputs h(a_{t-1}), h(s_t) and h(R_t), each [..., D]."""
        reward = self.reward_estimator(jnp.concatenate([state, previous_action], axis=-1))
        output = self.action_generator(jnp.concatenate([state, return_to_go, reward], axis=-1))
        return RewardAndAction(reward[..., 0], jnp.tanh(output) if self.continuous else output)

    def newest_action(self, last_outputs: Array, length: Array) -> Array:
        """Returns the action [B, A or D_a] of the newest step.

        Args:
          last_outputs: float32 [B, 3, D], of the tokens a_{t-1}, s_t and R_t.
          length: int32 [B], steps in each user's window; at the first one there is no a_{t-1}, and zeros stand for it.
        """
        previous_action = jnp.where(length[:, None] > 1, last_outputs[:, 0], 0.0)
        return self._heads(previous_action, last_outputs[:, 1], last_outputs[:, 2]).action

    def predict(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> RewardAndAction:
        """Returns both predictions at every step [B, T], from its tokens, each [B, T, D]."""
        hidden = self.backbone(interleave(states, returns, actions), None, deterministic)
        previous_action = jnp.pad(hidden[:, 2:-1:3], ((0, 0), (1, 0), (0, 0)))
        return self._heads(previous_action, hidden[:, 0::3], hidden[:, 1::3])

    def __call__(self, windows: Windows, deterministic: bool = True) -> RewardAndAction:
        """Returns both predictions at every step [B, T] of normalised windows."""
        return self.predict(*self.tokens(windows), deterministic)


def make(config: ConfigDict, spec: TrajectoriesSpec) -> Algorithm:
    """Makes the algorithm, which learns from `Trajectories`; raises JaxrecError on settings that cannot be."""
    ranges.check("algorithm.", config, RANGES)
    network_parts.check_sizes(config, spec)
    network = make_network(config, spec)

    def loss_fn(params: Params, batch: Windows, key: Array):
        return losses(network, config, params, normalise_returns_and_rewards(batch, spec), key)

    init_params = training_windows.make_init(network, config, spec)
    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer))
    return Algorithm(learning, sources.logged(training_windows.make_view(config)), make_policy(network, config, spec))


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> CDT4RecNetwork:
    """Makes the network that the config describes, in the sizes of the data."""
    return CDT4RecNetwork(
        network_parts.make_tokens(config, spec),
        network_parts.make_backbone(config),
        network_parts.num_outputs(spec),
        spec.action_size > 0,
    )


def losses(
    network: CDT4RecNetwork, config: ConfigDict, params: Params, windows: Windows, key: Array | None = None
) -> tuple[Scalars, Scalars]:
    """Returns (terms, metrics): the losses of the action and of the reward estimate (L_dt of M 3.4).

    Args:
      windows: [B, T], returns and rewards normalised to [0, 1]. key: of dropout; None switches dropout off.
    """
    rngs = None if key is None else {"dropout": key}
    predictions = network.apply({"params": params}, windows, key is None, rngs=rngs)
    terms = {
        "action": loss_terms.action_loss(predictions.action, windows),
        "reward": config.reward_weight * loss_terms.reward_loss(predictions.reward, windows.reward, windows.mask),
    }
    return terms, loss_terms.action_accuracy(predictions.action, windows)

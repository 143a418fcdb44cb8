"""Decision Transformer (Chen et al., 2021), the baseline of M 4.2: tokens (R, s, a), the action read from the state's.

Acting starts from a target return, off which each observed reward is taken (`target_return_policy`). Our reading for
recommenders: the state encoder of paper M makes the states, items are predicted by cross-entropy, and continuous
actions by tanh and squared error. The target is a return that one logged episode in ten reached. The highest logged
return would be one lucky user's; less the rewards observed so far, it soon exceeds every return-to-go logged at that
turn.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import network_parts, training_windows
from jaxrec.algorithms.decision_transformer.loss_terms import action_accuracy, action_loss
from jaxrec.algorithms.decision_transformer.return_normalisation import normalise_returns
from jaxrec.algorithms.decision_transformer.target_return_policy import make_policy
from jaxrec.algorithms.decision_transformer.tokens import Tokens, interleave
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches.windows import Windows
from jaxrec.models.dense import Dense
from jaxrec.training import learner, optimizers, sources

RANGES = {**network_parts.RANGES, "target_quantile": ranges.SHARE}


def defaults() -> ConfigDict:
    """Returns the published settings of DT for discrete actions, with one attention head."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 6e-4  # DT's discrete setting
    optimizer.weight_decay = 1e-4
    optimizer.clip_norm = 1.0
    return ConfigDict(
        {
            "width": 128,  # D
            "num_layers": 3,
            "num_heads": 1,
            "dropout": 0.1,  # on embeddings and residual branches
            "context_length": 20,  # T, turns
            "embedding": "linear",  # linear (published) or mlp
            "state_encoder": "sasrec",  # a file in models/encoders
            "state_window": 3,  # W, the (item, feedback) pairs of a state (EasyRL4Rec: 3)
            "target_quantile": 0.9,  # of the logged episodes' returns; the target return at turn 0; 1 = the highest
            "batch_size": 64,  # windows per step
            "optimizer": optimizer,
        }
    )


class DTNetwork(nn.Module):
    """Predicts actions: logits [B, T, A], or numbers in (-1, 1) [B, T, D_a] where `continuous`."""

    tokens: Tokens
    backbone: nn.Module
    num_outputs: int
    continuous: bool = False
    token_order = ("return", "state", "action")  # of each step

    def setup(self):
        self.action_head = Dense(self.num_outputs)

    def predict_action(self, hidden: Array) -> Array:
        """Returns the action [..., A or D_a] from the output of a state's token [..., D]."""
        output = self.action_head(hidden)
        return jnp.tanh(output) if self.continuous else output

    def newest_action(self, last_outputs: Array, length: Array) -> Array:
        """Returns the action [B, A or D_a] of the newest step.

        Args:
          last_outputs: float32 [B, 3, D], of the tokens a_{t-1}, R_t and s_t. length: int32 [B], steps; unused.
        """
        del length
        return self.predict_action(last_outputs[:, -1])

    def state_outputs(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> Array:
        """Returns the outputs [B, T, D] of the states' tokens, from which actions are read; tokens are [B, T, D]."""
        return self.backbone(interleave(returns, states, actions), None, deterministic, (slice(1, None, 3),))

    def predict(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> Array:
        """Returns the action of every step, [B, T, A or D_a], from its tokens, each [B, T, D]."""
        return self.predict_action(self.state_outputs(states, returns, actions, deterministic))

    def __call__(self, windows: Windows, deterministic: bool = True) -> Array:
        """Returns the action of every step, [B, T, A or D_a]; returns-to-go are normalised to [0, 1]."""
        return self.predict(*self.tokens(windows), deterministic)


def make(config: ConfigDict, spec: TrajectoriesSpec) -> Algorithm:
    """Makes the algorithm, which learns from `Trajectories`; raises JaxrecError on settings that cannot be."""
    ranges.check("algorithm.", config, RANGES)
    network_parts.check_sizes(config, spec)
    network = make_network(config, spec)

    def loss_fn(params: Params, batch: Windows, key: Array):
        windows = normalise_returns(batch, spec)
        action = network.apply({"params": params}, windows, False, rngs={"dropout": key})
        return {"action": action_loss(action, windows)}, action_accuracy(action, windows)

    init_params = training_windows.make_init(network, config, spec)
    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer))
    return Algorithm(learning, sources.logged(training_windows.make_view(config)), make_policy(network, config, spec))


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> DTNetwork:
    """Makes the network that the config describes, in the sizes of the data."""
    return DTNetwork(
        network_parts.make_tokens(config, spec),
        network_parts.make_backbone(config),
        network_parts.num_outputs(spec),
        spec.action_size > 0,
    )

"""Decision Transformer (Chen et al., 2021), the baseline of M 4.2: tokens (R, s, a), action from the state's token.

Acting, the first return is a target and each observed reward is taken off it. Our reading for recommenders: states come
from the state encoder of paper M, items are predicted by cross-entropy, continuous actions by tanh and squared error,
and the target is a return that one logged episode in ten reached: the very best is one lucky user's, and what is left
of it, rewards taken off, soon lies above everything that was ever logged at that turn.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import build
from jaxrec.algorithms.decision_transformer.loss_terms import action_accuracy, action_loss
from jaxrec.algorithms.decision_transformer.prompted import policy
from jaxrec.algorithms.decision_transformer.tokens import Tokens, interleave
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches import windows
from jaxrec.models.dense import Dense
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """Published DT for discrete actions, one head."""
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
            "state_window": 3,  # W, pairs a state is made of (EasyRL4Rec: 3)
            "target_quantile": 0.9,  # of the logged episodes' returns, asked for at turn 0; 1 = the best one
            "batch_size": 64,  # windows per step
            "optimizer": optimizer,
        }
    )


class Network(nn.Module):
    """Windows to actions: logits [B, T, A], or in (-1, 1) [B, T, D_a]."""

    tokens: Tokens
    backbone: nn.Module
    num_outputs: int
    continuous: bool = False
    places = (0, 1)  # of the return and the state in a step

    def setup(self):
        self.action_head = Dense(self.num_outputs)

    def read_action(self, hidden: Array) -> Array:
        output = self.action_head(hidden)
        return jnp.tanh(output) if self.continuous else output

    def respond(self, hidden: Array, length: Array) -> Array:
        """The output [B, ...] from the last three outputs [B, 3, D] of a window that ends at the newest state."""
        del length
        return self.read_action(hidden[:, -1])

    def features(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> Array:
        """What each step's action is read from, [B, T, D], from its tokens, each [B, T, D]."""
        return self.backbone(interleave(returns, states, actions), None, deterministic, (slice(1, None, 3),))

    def read(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> Array:
        """The output at each step from its tokens."""
        return self.read_action(self.features(states, returns, actions, deterministic))

    def __call__(self, windows: windows.Windows, deterministic: bool = True) -> Array:
        return self.read(*self.tokens(windows), deterministic)


def make(config: ConfigDict, spec: TrajectoriesSpec) -> Algorithm:
    """Learns from `Trajectories`; raises JaxrecError on settings that cannot work."""
    build.check(config, spec)
    network = make_network(config, spec)

    def loss_fn(params: Params, batch: windows.Windows, key: Array):
        batch = batch.replace(return_to_go=build.normalise(batch.return_to_go, spec.return_range))
        output = network.apply({"params": params}, batch, False, rngs={"dropout": key})
        return {"action": action_loss(output, batch)}, action_accuracy(output, batch)

    learning = learner.from_loss(build.initial(network, config, spec), loss_fn, optimizers.make(config.optimizer))
    return Algorithm(learning, sources.logged(build.windows(config)), policy(network, config, spec))


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> Network:
    """The network a config describes."""
    return Network(build.tokens(config, spec), build.backbone(config), build.num_outputs(spec), spec.action_size > 0)

"""Decision Transformer (Chen et al., 2021), the baseline of M 4.2: tokens (R, s, a), action from the state's token.

Acting, the first return is a target and each observed reward is taken off it. Our reading for recommenders: states come
from the state encoder of paper M, items are predicted by cross-entropy, continuous actions by tanh and squared error.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import build, window
from jaxrec.algorithms.decision_transformer.objectives import action_accuracy, action_loss
from jaxrec.algorithms.decision_transformer.tokens import Tokens, interleave
from jaxrec.data import views
from jaxrec.models.dense import Dense
from jaxrec.training import learner, optimizers, sources
from jaxrec.types import Algorithm, Array, Observation, Params, Policy, Spec


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
            "target_return": 1.0,  # share of the logged return range asked for at turn 0; 1 = the best logged return
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

    def setup(self):
        self.action_head = Dense(self.num_outputs)

    def read_action(self, hidden: Array) -> Array:
        output = self.action_head(hidden)
        return jnp.tanh(output) if self.continuous else output

    def read(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> Array:
        """The output at each step from its tokens, each [B, T, D]."""
        hidden = self.backbone(interleave(returns, states, actions), None, deterministic)
        return self.read_action(hidden[:, 1::3])

    def __call__(self, windows: views.Windows, deterministic: bool = True) -> Array:
        return self.read(*self.tokens(windows), deterministic)


def make(config: ConfigDict, spec: Spec) -> Algorithm:
    """Learns from `Trajectories`; raises JaxrecError on settings that cannot work."""
    build.check(config, spec)
    network = make_network(config, spec)

    def init_params(key: Array) -> Params:
        return network.init(key, build.blank(config, spec))["params"]

    def loss_fn(params: Params, target_params: Params, batch: views.Windows, key: Array):
        del target_params
        batch = batch.replace(return_to_go=build.normalise(batch.return_to_go, spec.return_range))
        output = network.apply({"params": params}, batch, False, rngs={"dropout": key})
        return {"action": action_loss(output, batch)}, action_accuracy(output, batch)

    view = views.windows(
        batch_size=config.batch_size, context_length=config.context_length, state_window=config.state_window
    )
    tx = optimizers.make(config.optimizer)
    return Algorithm(learner.from_loss(init_params, loss_fn, tx), sources.logged(view), policy(network, config, spec))


def make_network(config: ConfigDict, spec: Spec) -> Network:
    """The network a config describes."""
    outputs = spec.action_size or spec.num_items
    return Network(build.tokens(config, spec), build.backbone(config), outputs, spec.action_size > 0)


@struct.dataclass
class Carry:
    """`target` float32 [B], the normalised return still asked for; `action` [B, D_a] the last one where continuous."""

    window: window.Window
    target: Array
    action: Array


def policy(network: Network, config: ConfigDict, spec: Spec) -> Policy:
    """Re-encodes the window of T steps at every turn; rewards are taken off the return asked for at turn 0."""
    scale = 1.0 / max(spec.return_range[1] - spec.return_range[0], 1e-6)
    state_window = config.state_window if build.sees_history(spec) else None

    def init(params: Params, num_users: int) -> Carry:
        del params
        steps = window.empty(num_users, config.context_length, config.width, state_window)
        return Carry(steps, jnp.zeros(num_users), jnp.zeros((num_users, spec.action_size)))

    def act(params: Params, carry: Carry, observation: Observation, key: Array) -> tuple[Carry, Array]:
        del key
        model = network.bind({"params": params})
        turn = observation.turn
        last_action = carry.action if spec.action_size else observation.item
        target = jnp.where(turn == 0, config.target_return, carry.target - observation.feedback * scale)
        steps = window.write(carry.window, 2, model.tokens.actions(last_action, turn - 1))
        steps = window.advance(steps, observation)
        steps = window.write(steps, 0, model.tokens.returns(target, turn))
        steps = window.write(steps, 1, model.tokens.states(*window.state_inputs(steps, observation)))
        tokens, valid = window.sequence(steps, 2)
        hidden, _ = model.backbone.suffixes(tokens, valid, lengths=(tokens.shape[1],))
        output = model.read_action(hidden[:, 0, 0])
        return Carry(steps, target, output if spec.action_size else carry.action), output

    def diagnostics(carry: Any) -> dict[str, Array]:
        return {"history_length": carry.window.length}

    return Policy(init, act, diagnostics)

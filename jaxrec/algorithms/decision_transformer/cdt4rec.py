"""CDT4Rec (Wang et al., "Causal Decision Transformer for Recommender Systems via Offline RL", SIGIR 2023), for M 4.2.

A causal mechanism estimates what the user in this state will pay, and the estimate feeds the action. Our reading, after
M 3.4, which takes its objective from here: r^_t comes from h(s_t) and h(a_{t-1}), tokens stand in the order (s, R, a)
so that it sees neither R_t nor a_t, and the action comes from h(s_t), h(R_t) and r^_t, its gradient reaching the
estimator too (h(s_t) for MDT4Rec's reason). One transformer reads the interleaved tokens. Acting, a return is asked for
as in DT.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import build, dt, loss_terms
from jaxrec.algorithms.decision_transformer.prompted import policy
from jaxrec.algorithms.decision_transformer.tokens import Tokens, interleave
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches import windows
from jaxrec.models.heads import MLP
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """DT's, with the reward estimator."""
    config = dt.defaults()
    config.reward_weight = 1.0  # of the estimator's loss beside the action's
    return config


@struct.dataclass
class Predictions:
    """At each step: normalised `reward` [...] and `action` (logits [..., A], or in (-1, 1) [..., D_a])."""

    reward: Array
    action: Array


class Network(nn.Module):
    """Windows to rewards and actions; returns and rewards are normalised to [0, 1]."""

    tokens: Tokens
    backbone: nn.Module
    num_outputs: int
    continuous: bool = False
    places = (1, 0)  # of the return and the state in a step

    def setup(self):
        self.reward_estimator = MLP((self.tokens.width, 1))
        self.action_generator = MLP((self.tokens.width, self.num_outputs))

    def _predict(self, previous: Array, state: Array, given: Array) -> Predictions:
        reward = self.reward_estimator(jnp.concatenate([state, previous], axis=-1))
        output = self.action_generator(jnp.concatenate([state, given, reward], axis=-1))
        return Predictions(reward[..., 0], jnp.tanh(output) if self.continuous else output)

    def respond(self, hidden: Array, length: Array) -> Array:
        """The output [B, ...] from the last three outputs [B, 3, D]: of a_{t-1}, s_t and R_t."""
        previous = jnp.where(length[:, None] > 1, hidden[:, 0], 0.0)
        return self._predict(previous, hidden[:, 1], hidden[:, 2]).action

    def read(self, states: Array, returns: Array, actions: Array, deterministic: bool = True) -> Predictions:
        """Both heads at every step from its tokens, each [B, T, D]."""
        hidden = self.backbone(interleave(states, returns, actions), None, deterministic)
        previous = jnp.pad(hidden[:, 2:-1:3], ((0, 0), (1, 0), (0, 0)))
        return self._predict(previous, hidden[:, 0::3], hidden[:, 1::3])

    def __call__(self, windows: windows.Windows, deterministic: bool = True) -> Predictions:
        return self.read(*self.tokens(windows), deterministic)


def make(config: ConfigDict, spec: TrajectoriesSpec) -> Algorithm:
    """Learns from `Trajectories`; raises JaxrecError on settings that cannot work."""
    build.check(config, spec)
    network = make_network(config, spec)

    def loss_fn(params: Params, batch: windows.Windows, key: Array):
        return losses(network, config, params, build.normalised(batch, spec), key)

    learning = learner.from_loss(build.initial(network, config, spec), loss_fn, optimizers.make(config.optimizer))
    return Algorithm(learning, sources.logged(build.windows(config)), policy(network, config, spec))


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> Network:
    """The network a config describes."""
    return Network(build.tokens(config, spec), build.backbone(config), build.num_outputs(spec), spec.action_size > 0)


def losses(network: Network, config: ConfigDict, params: Params, batch: windows.Windows, key: Array | None = None):
    """(terms, metrics) of a normalised batch; dropout falls where a key is given."""
    rngs = None if key is None else {"dropout": key}
    predictions = network.apply({"params": params}, batch, key is None, rngs=rngs)
    terms = {
        "action": loss_terms.action_loss(predictions.action, batch),
        "reward": config.reward_weight * loss_terms.reward_loss(predictions.reward, batch.reward, batch.mask),
    }
    return terms, loss_terms.action_accuracy(predictions.action, batch)

"""EDT4Rec (Chen et al., "Maximum-Entropy Regularized Decision Transformer with Reward Relabelling for Dynamic
Recommendation", KDD 2024), baseline of M: CDT4Rec, plus maximum-entropy exploration, plus returns relabelled to stitch.

Our reading. Exploration is Online DT's (Zheng et al., 2022): a stochastic policy fitted by likelihood whose entropy is
held above a floor by a learned temperature. Relabelling is Q-learning DT's (Yamagata et al., 2023). The value behind it
is learned by conservative Q-learning in the paper; ours is as conservative by never leaving the log, an expectile of
r + V(s') as in implicit Q-learning, because that serves items and vectors alike. V has a state encoder of its own and
is trained beside the model. Acting, the likeliest action is given; exploration is the rollout's draw from the logits.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import build, cdt4rec, loss_terms
from jaxrec.algorithms.decision_transformer.prompted import policy
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches import windows
from jaxrec.losses import expectile, policy_gradient, relabelling, sequence
from jaxrec.models.heads import MLP
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """CDT4Rec's, with exploration and relabelling."""
    config = cdt4rec.defaults()
    config.entropy_floor = 0.3  # share of the largest entropy there is (ln A, or ln 2 per component)
    config.initial_temperature = 0.1  # weight of the entropy at first (Online DT)
    config.value_expectile = 0.7  # 0.5 is the mean; above it V nears the best the log shows
    config.target_update_rate = 0.01  # of the copy of V that relabels, per step
    return config


class Value(nn.Module):
    """V [B, T] of each step's state and turn; returns are normalised."""

    encoder: nn.Module | None
    width: int
    max_turn: int

    @nn.compact
    def __call__(self, windows: windows.Windows) -> Array:
        parts = [windows.vector, (windows.timestep / self.max_turn)[..., None]]
        if self.encoder is not None:
            parts.append(self.encoder(windows.item, windows.feedback, windows.history_mask))
        return MLP((self.width, self.width, 1))(jnp.concatenate(parts, axis=-1))[..., 0]


class Network(cdt4rec.Network):
    """CDT4Rec's network, V, the temperature, and the spread of continuous actions."""

    value: nn.Module | None = None
    initial_temperature: float = 0.1

    def setup(self):
        super().setup()
        constant = nn.initializers.constant
        self.log_temperature = self.param("log_temperature", constant(math.log(self.initial_temperature)), ())
        if self.continuous:
            self.log_std = self.param("log_std", constant(-0.5), (self.num_outputs,))

    def values(self, windows: windows.Windows) -> Array:
        """V [B, T]."""
        return self.value(windows)

    def log_prob_and_entropy(self, output: Array, action: Array) -> tuple[Array, Array]:
        """Of the policy at each step [B, T]; per component where actions are continuous."""
        if not self.continuous:
            return policy_gradient.categorical_terms(output, action)
        log_prob = policy_gradient.gaussian_log_prob(output, self.log_std, action) / self.num_outputs
        entropy = policy_gradient.gaussian_entropy(self.log_std) / self.num_outputs
        return log_prob, jnp.broadcast_to(entropy, log_prob.shape)

    def __call__(self, windows: windows.Windows, deterministic: bool = True) -> tuple[cdt4rec.Predictions, ...]:
        """(predictions, V, log probability and entropy of the logged actions, temperature)."""
        predictions = self.read(*self.tokens(windows), deterministic)
        terms = self.log_prob_and_entropy(predictions.action, windows.action)
        return predictions, self.values(windows), *terms, jnp.exp(self.log_temperature)


def make(config: ConfigDict, spec: TrajectoriesSpec) -> Algorithm:
    """Learns from `Trajectories`; raises JaxrecError on settings that cannot work."""
    check(config, spec)
    network = make_network(config, spec)

    def loss_fn(params: Params, target_params: Params, batch: windows.Windows, key: Array):
        return losses(network, config, spec, params, target_params, normalised(batch, spec), key)

    learned = learner.from_loss(
        build.initial(network, config, spec),
        loss_fn,
        optimizers.make(config.optimizer),
        target_keys=("value",),
        target_update_rate=config.target_update_rate,
    )
    return Algorithm(learned, sources.logged(build.windows(config, ahead=1)), policy(network, config, spec))


def check(config: ConfigDict, spec: TrajectoriesSpec) -> None:
    """Raises JaxrecError on settings that cannot work, before anything is compiled."""
    build.check(config, spec)
    if not 0.0 < config.value_expectile < 1.0:
        raise JaxrecError(f"algorithm.value_expectile is {config.value_expectile}: set it between 0 and 1")
    if not 0.0 <= config.entropy_floor < 1.0:
        raise JaxrecError(f"algorithm.entropy_floor is {config.entropy_floor}: set it to a share from 0 to below 1")
    if config.initial_temperature <= 0.0:
        raise JaxrecError(f"algorithm.initial_temperature is {config.initial_temperature}: set it above 0")


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> Network:
    """The network a config describes."""
    return Network(
        build.tokens(config, spec),
        build.backbone(config),
        build.num_outputs(spec),
        spec.action_size > 0,
        value=Value(build.tokens(config, spec).encoder, config.width, spec.max_turn),
        initial_temperature=config.initial_temperature,
    )


def normalised(batch: windows.Windows, spec: TrajectoriesSpec) -> windows.Windows:
    """Returns over their logged range, and rewards in that unit, so that R_t = r_t + R_{t+1} still holds."""
    low, high = spec.return_range
    returns = build.normalise(batch.return_to_go, spec.return_range)
    return batch.replace(return_to_go=returns, reward=batch.reward / max(high - low, 1e-6))


def losses(
    network: Network,
    config: ConfigDict,
    spec: TrajectoriesSpec,
    params: Params,
    target_params: Params,
    batch: windows.Windows,
    key: Array | None = None,
):
    """(terms, metrics) of a batch from `normalised`; dropout falls where a key is given.

    A step after the T of a window is only valued: without it, returns would be stitched up to the window's end alone.
    """
    held = network.apply({"params": {**params, **target_params}}, batch, method="values")
    held = jax.lax.stop_gradient(held)
    known = batch.reward, batch.return_to_go, held, batch.mask
    relabelled = (
        jax.vmap(relabel)(*known) for relabel in (relabelling.relabelled_returns, relabelling.one_step_targets)
    )
    asked, targets, batch = jax.tree.map(lambda x: x[:, : config.context_length], (*relabelled, batch))
    logged, mask = batch.return_to_go, batch.mask
    rngs = None if key is None else {"dropout": key}
    predictions, value, log_prob, entropy, temperature = network.apply(
        {"params": params}, batch.replace(return_to_go=asked), key is None, rngs=rngs
    )
    value_losses = jax.vmap(jax.vmap(lambda v, r: expectile.expectile_loss(v, r, config.value_expectile)))
    entropy = sequence.masked_mean(entropy, mask)
    floor = config.entropy_floor * math.log(2.0 if spec.action_size else spec.num_items)
    # The estimator learns rewards over their own range, like CDT4Rec's.
    scale = max(spec.return_range[1] - spec.return_range[0], 1e-6)
    rewards = build.normalise(batch.reward * scale, spec.reward_range)
    terms = {
        "action": -sequence.masked_mean(log_prob, mask),
        "entropy": -jax.lax.stop_gradient(temperature) * entropy,
        "temperature": temperature * jax.lax.stop_gradient(entropy - floor),
        "reward": config.reward_weight * loss_terms.reward_loss(predictions.reward, rewards, mask),
        "value": sequence.masked_mean(value_losses(value, targets), mask),
    }
    metrics = loss_terms.action_accuracy(predictions.action, batch)
    metrics |= {"policy/entropy": entropy, "policy/temperature": temperature}
    metrics |= {"relabelling/raised": sequence.masked_mean((asked > logged + 1e-6).astype(jnp.float32), mask)}
    return terms, metrics

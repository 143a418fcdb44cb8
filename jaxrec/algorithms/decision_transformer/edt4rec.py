"""EDT4Rec (Chen et al., "Maximum-Entropy Regularized Decision Transformer with Reward Relabelling for Dynamic
Recommendation", KDD 2024), baseline of M: CDT4Rec with maximum-entropy exploration and relabelled returns.

Relabelling is EDT4Rec's trajectory stitching: where a value function promises more than the logged rest of an episode
earned, the training sequence is given the promised return.

Our reading. Exploration is that of Online DT (Zheng et al., 2022): a stochastic policy is fitted by likelihood, and a
learned temperature keeps its entropy above a floor. Relabelling is that of Q-learning DT (Yamagata et al., 2023). The
paper learns the value by conservative Q-learning. Ours is an expectile of r + V(s'), as in implicit Q-learning, because
that works for items and for continuous actions alike; it is conservative too, for it evaluates no action outside the
log. V has a state encoder of its own and is trained beside the model. Acting takes the most likely action; exploration
is left to the rollout, which may sample from the logits.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import (
    cdt4rec,
    loss_terms,
    network_parts,
    return_normalisation,
    training_windows,
)
from jaxrec.algorithms.decision_transformer.target_return_policy import make_policy
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Scalars
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches.windows import Windows
from jaxrec.losses import expectile, policy_gradient, relabelling, sequence
from jaxrec.models.heads import MLP
from jaxrec.training import learner, optimizers, sources

RANGES = {
    **cdt4rec.RANGES,
    "entropy_floor": ranges.BELOW_ONE,
    "initial_temperature": ranges.POSITIVE,
    "value_expectile": ranges.INSIDE_ZERO_ONE,
    "target_update_rate": ranges.ABOVE_ZERO_TO_ONE,
}


def defaults() -> ConfigDict:
    """Returns CDT4Rec's settings, with those of exploration and relabelling."""
    config = cdt4rec.defaults()
    config.entropy_floor = 0.3  # share of the largest entropy there is (ln A, or ln 2 per component)
    config.initial_temperature = 0.1  # weight of the entropy at first (Online DT)
    config.value_expectile = 0.7  # 0.5 is the mean; above it V nears the highest value that the log shows
    config.target_update_rate = 0.01  # of V's target network, which relabels, per step
    return config


class StateValue(nn.Module):
    """V [B, T] of each step's state and turn; returns are normalised to [0, 1].

    Attributes:
      encoder: a state encoder, or None where observations hold no history. width: of the hidden layers.
      max_turn: the largest turn there is.
    """

    encoder: nn.Module | None
    width: int
    max_turn: int

    @nn.compact
    def __call__(self, windows: Windows) -> Array:
        features = [windows.vector, (windows.timestep / self.max_turn)[..., None]]
        if self.encoder is not None:
            features.append(self.encoder(windows.item, windows.feedback, windows.history_mask))
        return MLP((self.width, self.width, 1))(jnp.concatenate(features, axis=-1))[..., 0]


class EDT4RecNetwork(cdt4rec.CDT4RecNetwork):
    """CDT4Rec's network, V, the temperature, and the standard deviations of continuous actions."""

    value: nn.Module | None = None
    initial_temperature: float = 0.1

    def setup(self):
        super().setup()
        constant = nn.initializers.constant
        self.log_temperature = self.param("log_temperature", constant(math.log(self.initial_temperature)), ())
        if self.continuous:
            self.log_std = self.param("log_std", constant(-0.5), (self.num_outputs,))

    def values(self, windows: Windows) -> Array:
        """Returns V [B, T] of normalised windows."""
        return self.value(windows)

    def log_prob_and_entropy(self, output: Array, action: Array) -> tuple[Array, Array]:
        """Returns (log probability of the actions, entropy of the policy) in nats, each [B, T]; the mean over the
        components where actions are continuous.

        Args:
          output: the predicted action, [B, T, A or D_a]. action: int32 [B, T], or float32 [B, T, D_a].
        """
        if not self.continuous:
            return policy_gradient.categorical_terms(output, action)
        log_prob = policy_gradient.gaussian_log_prob(output, self.log_std, action) / self.num_outputs
        entropy = policy_gradient.gaussian_entropy(self.log_std) / self.num_outputs
        return log_prob, jnp.broadcast_to(entropy, log_prob.shape)

    def __call__(
        self, windows: Windows, deterministic: bool = True
    ) -> tuple[cdt4rec.RewardAndAction, Array, Array, Array, Array]:
        """Returns (predictions, V, log probability of the logged actions, entropy, temperature); all but the scalar
        temperature are [B, T]."""
        predictions = self.predict(*self.tokens(windows), deterministic)
        log_prob, entropy = self.log_prob_and_entropy(predictions.action, windows.action)
        return predictions, self.values(windows), log_prob, entropy, jnp.exp(self.log_temperature)


def make(config: ConfigDict, spec: TrajectoriesSpec) -> Algorithm:
    """Makes the algorithm, which learns from `Trajectories`; raises JaxrecError on settings that cannot be."""
    ranges.check("algorithm.", config, RANGES)
    check_options(config, spec)
    network = make_network(config, spec)

    def loss_fn(params: Params, target_params: Params, batch: Windows, key: Array):
        windows = return_normalisation.normalise_in_units_of_returns(batch, spec)
        return losses(network, config, spec, params, target_params, windows, key)

    learning = learner.from_loss(
        training_windows.make_init(network, config, spec),
        loss_fn,
        optimizers.make(config.optimizer),
        target_keys=("value",),
        target_update_rate=config.target_update_rate,
    )
    view = training_windows.make_view(config, steps_after=1)  # the step after a window is valued, see `losses`
    return Algorithm(learning, sources.logged(view), make_policy(network, config, spec))


def check_options(config: ConfigDict, spec: TrajectoriesSpec) -> None:
    """Raises JaxrecError on settings that cannot be, before anything is compiled."""
    network_parts.check_sizes(config, spec)


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> EDT4RecNetwork:
    """Makes the network that the config describes, in the sizes of the data."""
    return EDT4RecNetwork(
        network_parts.make_tokens(config, spec),
        network_parts.make_backbone(config),
        network_parts.num_outputs(spec),
        spec.action_size > 0,
        value=StateValue(network_parts.make_tokens(config, spec).encoder, config.width, spec.max_turn),
        initial_temperature=config.initial_temperature,
    )


def losses(
    network: EDT4RecNetwork,
    config: ConfigDict,
    spec: TrajectoriesSpec,
    params: Params,
    target_params: Params,
    windows: Windows,
    key: Array | None = None,
) -> tuple[Scalars, Scalars]:
    """Returns (terms, metrics): the losses of actions, entropy, temperature, reward estimate and value.

    The model is conditioned on relabelled returns. The step after the T of a window is valued and not trained on;
    without its value, relabelling could not promise anything beyond the end of the window.

    Args:
      target_params: {'value': V's target network}, which relabels.
      windows: [B, T + 1], from `normalise_in_units_of_returns`.
      key: of dropout; None switches dropout off.
    """
    target_value = network.apply({"params": {**params, **target_params}}, windows, method="values")
    target_value = jax.lax.stop_gradient(target_value)
    sequences = windows.reward, windows.return_to_go, target_value, windows.mask
    relabelled = jax.vmap(relabelling.relabelled_returns)(*sequences)
    value_target = jax.vmap(relabelling.one_step_targets)(*sequences)
    trained = lambda x: x[:, : config.context_length]  # noqa: E731
    relabelled, value_target, windows = jax.tree.map(trained, (relabelled, value_target, windows))
    logged, mask = windows.return_to_go, windows.mask
    rngs = None if key is None else {"dropout": key}
    predictions, value, log_prob, entropy, temperature = network.apply(
        {"params": params}, windows.replace(return_to_go=relabelled), key is None, rngs=rngs
    )
    value_losses = jax.vmap(jax.vmap(lambda v, r: expectile.expectile_loss(v, r, config.value_expectile)))
    entropy = sequence.masked_mean(entropy, mask)
    floor = config.entropy_floor * math.log(2.0 if spec.action_size else spec.num_items)
    # The estimator learns rewards normalised by their own range, like CDT4Rec's.
    reward = windows.reward * return_normalisation.width(spec.return_range)
    reward = return_normalisation.to_unit_range(reward, spec.reward_range)
    terms = {
        "action": -sequence.masked_mean(log_prob, mask),
        "entropy": -jax.lax.stop_gradient(temperature) * entropy,
        "temperature": temperature * jax.lax.stop_gradient(entropy - floor),
        "reward": config.reward_weight * loss_terms.reward_loss(predictions.reward, reward, mask),
        "value": sequence.masked_mean(value_losses(value, value_target), mask),
    }
    metrics = loss_terms.action_accuracy(predictions.action, windows)
    metrics |= {"policy/entropy": entropy, "policy/temperature": temperature}
    metrics |= {"relabelling/raised": sequence.masked_mean((relabelled > logged + 1e-6).astype(jnp.float32), mask)}
    return terms, metrics

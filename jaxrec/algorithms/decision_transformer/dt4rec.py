"""DT4Rec (Zhao et al., "User Retention-oriented Recommendation with Decision Transformer", WWW 2023), a baseline of M.

DT with two changes: a return is embedded as a mixture of learned vectors (a learned discretisation), and a weighted
contrastive loss keeps the outputs under a wrong return apart from those under the logged one.

Our reading. Each step has one wrong return, drawn uniformly between 0 and the logged one. No higher return is drawn,
because acting asks for a high return and should then be answered like the highest logged one. The outputs that are
compared are those from which actions are read. States, tokens and acting are those of our DT, since the paper's own
states are lists of slates and its rewards the days until a user returns.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import dt, network_parts, training_windows
from jaxrec.algorithms.decision_transformer.loss_terms import action_accuracy, action_loss
from jaxrec.algorithms.decision_transformer.return_normalisation import normalise_returns
from jaxrec.algorithms.decision_transformer.target_return_policy import make_policy
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Scalars
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches.windows import Windows
from jaxrec.losses import contrastive, sequence
from jaxrec.training import learner, optimizers, sources

RANGES = {**dt.RANGES, "prompt_vectors": ranges.at_least(2), "contrast_weight": ranges.NOT_NEGATIVE}


def defaults() -> ConfigDict:
    """Returns DT's settings, with those of the return's embedding and of the contrastive loss."""
    config = dt.defaults()
    config.prompt_vectors = 32  # learned vectors that a return is mixed from
    config.contrast_weight = 0.1  # of the contrastive loss beside the action's; our reading
    return config


def make(config: ConfigDict, spec: TrajectoriesSpec) -> Algorithm:
    """Makes the algorithm, which learns from `Trajectories`; raises JaxrecError on settings that cannot be."""
    ranges.check("algorithm.", config, RANGES)
    network_parts.check_sizes(config, spec)
    network = make_network(config, spec)

    def loss_fn(params: Params, batch: Windows, key: Array):
        windows = normalise_returns(batch, spec)
        key_wrong, key_dropout = jax.random.split(key)
        wrong_return = jax.random.uniform(key_wrong, windows.return_to_go.shape) * windows.return_to_go
        return losses(network, config, params, windows, wrong_return, key_dropout)

    init_params = training_windows.make_init(network, config, spec)
    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer))
    return Algorithm(learning, sources.logged(training_windows.make_view(config)), make_policy(network, config, spec))


def make_network(config: ConfigDict, spec: TrajectoriesSpec) -> dt.DTNetwork:
    """Makes DT's network with returns embedded as mixtures of learned vectors."""
    network = dt.make_network(config, spec)
    return network.clone(tokens=network.tokens.clone(prompt_vectors=config.prompt_vectors))


def losses(
    network: dt.DTNetwork,
    config: ConfigDict,
    params: Params,
    windows: Windows,
    wrong_return: Array,
    key: Array | None = None,
) -> tuple[Scalars, Scalars]:
    """Returns (terms, metrics): the action's loss and the contrastive one.

    Args:
      windows: [B, T], returns normalised to [0, 1]. wrong_return: float32 [B, T], normalised.
      key: of dropout; None switches dropout off.
    """
    rngs = None if key is None else {"dropout": key}

    def outputs_under_both_returns(model: dt.DTNetwork) -> tuple[Array, Array, Array]:
        states, returns, actions = model.tokens(windows)
        outputs = model.state_outputs(states, returns, actions, key is None)
        wrong = model.tokens.returns(wrong_return, windows.timestep)
        return model.predict_action(outputs), outputs, model.state_outputs(states, wrong, actions, key is None)

    action, outputs, wrong_outputs = network.apply({"params": params}, rngs=rngs, method=outputs_under_both_returns)
    distance = jnp.abs(windows.return_to_go - wrong_return)
    contrast = jax.vmap(jax.vmap(contrastive.prompt_contrast))(outputs, wrong_outputs, distance)
    terms = {
        "action": action_loss(action, windows),
        "contrast": config.contrast_weight * sequence.masked_mean(contrast, windows.mask),
    }
    return terms, action_accuracy(action, windows)

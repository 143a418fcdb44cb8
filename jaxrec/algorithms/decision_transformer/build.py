"""From config and spec to the parts every decision transformer is made of."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer.tokens import Tokens
from jaxrec.algorithms.language import prior
from jaxrec.base.contracts import Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Trajectories
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches.windows import Windows, random_windows
from jaxrec.models import encoders, transformer
from jaxrec.models import history as histories
from jaxrec.models.transformer import Transformer

EMBEDDING_LAYERS = {"linear": 1, "mlp": 2}


def check(config: ConfigDict, spec: TrajectoriesSpec) -> None:
    """Raises JaxrecError on settings that cannot work, before anything is compiled."""
    if config.embedding not in EMBEDDING_LAYERS:
        raise JaxrecError(f"algorithm.embedding is {config.embedding!r}: choose one of {sorted(EMBEDDING_LAYERS)}")
    transformer.check("algorithm.", config)
    histories.check_window("algorithm.context_length", config.context_length, spec.max_turn)
    if spec.sees_history:
        histories.check_window("algorithm.state_window", config.state_window, spec.max_turn)


def tokens(config: ConfigDict, spec: TrajectoriesSpec) -> Tokens:
    """Embeddings of states, returns and actions."""
    scale = max(abs(bound) for bound in spec.reward_range) or 1.0
    encoder = None
    if spec.sees_history:
        encoder = encoders.make(
            config.state_encoder, num_items=spec.num_items, width=config.width, feedback_scale=scale
        )
    return Tokens(
        width=config.width,
        max_turn=spec.max_turn,
        num_items=spec.num_items,
        continuous=spec.action_size > 0,
        layers=EMBEDDING_LAYERS[config.embedding],
        encoder=encoder,
    )


def backbone(config: ConfigDict) -> nn.Module:
    """The transformer from scratch, or the language model that `backbone` names."""
    if config.get("backbone", ""):
        return prior.decoder(config)
    return Transformer(config.width, config.num_layers, config.num_heads, config.dropout)


def initial(network: nn.Module, config: ConfigDict, spec: TrajectoriesSpec) -> Callable[[Array], Params]:
    """`init_params` of a network that reads windows."""
    return lambda key: network.init(key, blank(config, spec))["params"]


def windows(config: ConfigDict, ahead: int = 0) -> Callable[[Trajectories, Array], Windows]:
    """The view of the log that every decision transformer learns from, with so many steps after the T of a window."""
    length = config.context_length + ahead
    return random_windows(batch_size=config.batch_size, context_length=length, state_window=config.state_window)


def num_outputs(spec: TrajectoriesSpec) -> int:
    """Logits of items, or the numbers of a continuous action."""
    return spec.action_size or spec.num_items


def blank(config: ConfigDict, spec: TrajectoriesSpec) -> Windows:
    """Zeros of a batch of one, to initialise parameters with."""
    step = (1, config.context_length)
    pairs = (*step, config.state_window)
    action = jnp.zeros((*step, spec.action_size)) if spec.action_size else jnp.zeros(step, jnp.int32)
    return Windows(
        item=jnp.zeros(pairs, jnp.int32),
        feedback=jnp.zeros(pairs),
        history_mask=jnp.ones(pairs, bool),
        vector=jnp.zeros((*step, spec.observation_size)),
        timestep=jnp.zeros(step, jnp.int32),
        action=action,
        reward=jnp.zeros(step),
        return_to_go=jnp.zeros(step),
        mask=jnp.ones(step, bool),
    )


def normalised(batch: Windows, spec: TrajectoriesSpec) -> Windows:
    """Returns and rewards over their logged ranges."""
    return batch.replace(
        return_to_go=normalise(batch.return_to_go, spec.return_range),
        reward=normalise(batch.reward, spec.reward_range),
    )


def normalise(values: Array, bounds: tuple[float, float]) -> Array:
    """The range `bounds` to [0, 1]; what lies outside goes outside."""
    low, high = bounds
    return (values - low) / max(high - low, 1e-6)

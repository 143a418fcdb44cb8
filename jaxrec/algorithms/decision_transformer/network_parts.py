"""The parts that all decision transformers share: token embeddings, backbone and heads, sized by config and data."""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer.tokens import Tokens
from jaxrec.algorithms.language import prior
from jaxrec.base import ranges
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.models import encoders, transformer
from jaxrec.models import history as histories
from jaxrec.models.backbone import Backbone
from jaxrec.models.transformer import Transformer
from jaxrec.training import optimizers

EMBEDDING_LAYERS = {"linear": 1, "mlp": 2}

RANGES = {
    **transformer.RANGES,
    "context_length": ranges.COUNT,
    "embedding": ranges.choice(*EMBEDDING_LAYERS),
    "state_encoder": encoders.NAME,
    "state_window": ranges.COUNT,
    "batch_size": ranges.COUNT,
    **ranges.under("optimizer", optimizers.RANGES),
}


def check_sizes(config: ConfigDict, spec: TrajectoriesSpec) -> None:
    """Raises JaxrecError on sizes that make no transformer, and on a context length or a state window that is longer
    than any episode."""
    transformer.check_sizes("algorithm.", config)
    histories.check_window("algorithm.context_length", config.context_length, spec.max_turn)
    if spec.sees_history:
        histories.check_window("algorithm.state_window", config.state_window, spec.max_turn)


def make_tokens(config: ConfigDict, spec: TrajectoriesSpec) -> Tokens:
    """Makes the embeddings of states, returns and actions.

    Where observations hold the user's history, the state encoder of M 4.1 reads it, its feedback divided by the largest
    absolute reward of the environment.
    """
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


def make_backbone(config: ConfigDict) -> Backbone:
    """Makes a transformer with random weights, or the decoder of the language model that `config.backbone` names."""
    if config.get("backbone", ""):
        return prior.make_decoder(config)
    return Transformer(config.width, config.num_layers, config.num_heads, config.dropout)


def num_outputs(spec: TrajectoriesSpec) -> int:
    """Returns the size of the action head: A logits, or the D_a numbers of a continuous action."""
    return spec.action_size or spec.num_items

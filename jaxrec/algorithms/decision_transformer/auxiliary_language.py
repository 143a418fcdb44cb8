"""A language model as the backbone of a decision transformer, and language prediction as its auxiliary task (M 3.3;
M 3.4, L_language)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.language import causal_lm, prior
from jaxrec.base.contracts import Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Trajectories
from jaxrec.base.specs import TextSpec
from jaxrec.batches import token_blocks
from jaxrec.batches.windows import Windows
from jaxrec.models.language import decoder_config
from jaxrec.models.language.decoder import Decoder


def has_language_loss(config: ConfigDict) -> bool:
    """Returns whether there is a language model that learns, and the weight of its language loss is above 0."""
    return bool(config.backbone) and config.adapt != "frozen" and config.language_weight > 0


def with_backbone_sizes(config: ConfigDict) -> ConfigDict:
    """Returns a copy of the config with the width and the number of layers of the language model, or the config itself
    where there is none.

    The copy also asks for the batched search where the model has rotary positions or a sliding window, which the caches
    of the incremental search do not support.
    """
    if not config.backbone:
        return config
    shape, config = decoder_config.read(config.backbone), config.copy_and_resolve_references()
    config.update({"width": shape.width, "num_layers": shape.num_layers, "num_heads": 1})
    if shape.rotary or shape.window:
        config.search = "batched"
    return config


def check_backbone(config: ConfigDict, text: TextSpec | None) -> None:
    """Raises JaxrecError on a language model that cannot be loaded, and on a language loss that has no text or whose
    text does not fit the model."""
    if not config.backbone:
        return
    prior.check_options(config)
    if not has_language_loss(config):
        return
    if text is None:
        raise JaxrecError(
            f"algorithm.language_weight is {config.language_weight} but the stage has no text: name one beside its "
            "data as `text`, or set the weight to 0"
        )
    decoder = prior.make_decoder(config)
    causal_lm.check_vocabulary(decoder, text)
    causal_lm.check_positions(decoder, "language_length", config.language_length)


def add_language_params(backbone: Any, config: ConfigDict, params: Params, key: Array) -> Params:
    """Returns the parameters with the language model's token embedding and output head added where there is a language
    loss, and with zeros for what the checkpoint will fill (`prior.checkpoint_loader`)."""
    if not config.backbone:
        return params
    if has_language_loss(config):
        ids = jnp.zeros((1, 2), jnp.int32)
        params = {**params, prior.ROLE: backbone.init(key, ids, method="language")["params"]}
    return prior.zero_loaded_params(config, params)


def make_view(config: ConfigDict, windows: Callable[[Trajectories, Array], Windows]) -> Callable[[Any, Array], Any]:
    """Makes the view for `sources.logged`: `windows` alone, or a batch of windows and text where there is a language
    loss.

    Returns:
      `view(data, key) -> batch`. With a language loss, `data` is {'log': Trajectories, 'text': Text} and the batch is
      {'log': Windows, 'text': int32 [B, L + 1]}, the blocks of text with L = `language_length`; else the batch is
      Windows.
    """
    if not has_language_loss(config):
        return lambda data, key: windows(data["log"] if isinstance(data, Mapping) else data, key)
    text_blocks = token_blocks.random_blocks(batch_size=config.language_batch_size, length=config.language_length)

    def view(data: Mapping[str, Any], key: Array) -> dict[str, Any]:
        key_log, key_text = jax.random.split(key)
        return {"log": windows(data["log"], key_log), "text": text_blocks(data["text"], key_text)}

    return view


def windows_and_text(config: ConfigDict, batch: Any) -> tuple[Windows, Array | None]:
    """Returns (Windows, token ids int32 [B, L + 1]) of a batch of `make_view`; None for the ids without a language
    loss."""
    return (batch["log"], batch["text"]) if has_language_loss(config) else (batch, None)


def language_loss(
    decoder: Decoder, config: ConfigDict, params: Params, ids: Array | None, key: Array
) -> dict[str, Array]:
    """Returns {'language': lambda times the mean -log p of the next token} (M 3.3; M 3.4, L_language).

    Args:
      ids: int32 [B, L + 1], or None, which gives no term. key: the step's; dropout takes a key derived from it.
    """
    if ids is None:
        return {}
    losses = causal_lm.token_losses(decoder, params[prior.ROLE], ids, jax.random.fold_in(key, 1))
    return {"language": config.language_weight * losses.mean()}

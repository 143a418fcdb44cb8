"""The language model behind a decision transformer, and the loss that keeps it one (M 3.3, 3.4: L_language)."""

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
from jaxrec.models.language import config as decoder_config
from jaxrec.models.language.decoder import Decoder


def active(config: ConfigDict) -> bool:
    """Whether text is read: there is a model, something of it learns, and its loss weighs something."""
    return bool(config.backbone) and config.adapt != "frozen" and config.language_weight > 0


def sized(config: ConfigDict) -> ConfigDict:
    """The options with the language model's own width and heads, unchanged where there is none; the search is batched
    where positions are rotary or attention slides, which the incremental one's caches cannot hold."""
    if not config.backbone:
        return config
    found, config = decoder_config.read(config.backbone), config.copy_and_resolve_references()
    config.update({"width": found.width, "num_layers": found.num_layers, "num_heads": 1})
    if found.rotary or found.window:
        config.search = "batched"
    return config


def check(config: ConfigDict, text: TextSpec | None) -> None:
    """Raises JaxrecError on a prior that cannot be loaded, and on a language loss without its text."""
    if not config.backbone:
        return
    prior.check(config)
    if config.language_weight < 0:
        raise JaxrecError(f"algorithm.language_weight is {config.language_weight}: set it to 0 or more")
    if not active(config):
        return
    if text is None:
        raise JaxrecError(
            f"algorithm.language_weight is {config.language_weight} but the stage has no text: name one beside its "
            "data as `text`, or set the weight to 0"
        )
    decoder = prior.decoder(config)
    causal_lm.fits(decoder, text)
    if not 1 <= config.language_length <= decoder.config.max_positions:
        raise JaxrecError(
            f"algorithm.language_length is {config.language_length}: the model has positions for 1 to "
            f"{decoder.config.max_positions}"
        )


def complete(backbone: Any, config: ConfigDict, params: Params, key: Array) -> Params:
    """The network's parameters, with the model's own embedding and head where text is read; zeros for what files
    hold."""
    if not config.backbone:
        return params
    if active(config):
        ids = jnp.zeros((1, 2), jnp.int32)
        params = {**params, prior.ROLE: backbone.init(key, ids, method="language")["params"]}
    return prior.blank(config, params)


def view(config: ConfigDict, windows: Callable[[Trajectories, Array], Windows]) -> Callable[[Any, Array], Any]:
    """The windows alone; with text, {'log': windows, 'text': int32 [B, L + 1]} from {'log': ..., 'text': ...}."""
    if not active(config):
        return lambda data, key: windows(data["log"] if isinstance(data, Mapping) else data, key)
    stretches = token_blocks.random_blocks(batch_size=config.language_batch_size, length=config.language_length)

    def both(data: Mapping[str, Any], key: Array) -> dict[str, Any]:
        key_log, key_text = jax.random.split(key)
        return {"log": windows(data["log"], key_log), "text": stretches(data["text"], key_text)}

    return both


def parts(config: ConfigDict, batch: Any) -> tuple[Windows, Array | None]:
    """What `view` joined."""
    return (batch["log"], batch["text"]) if active(config) else (batch, None)


def loss(decoder: Decoder, config: ConfigDict, params: Params, ids: Array | None, key: Array) -> dict[str, Array]:
    """{'language': lambda * mean -log p of the next token}, nothing where no text is read (M 3.3, 3.4: L_language)."""
    if ids is None:
        return {}
    losses = causal_lm.token_losses(decoder, params[prior.ROLE], ids, jax.random.fold_in(key, 1))
    return {"language": config.language_weight * losses.mean()}

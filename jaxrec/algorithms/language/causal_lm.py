"""Causal language models: a GPT-2 of any size from scratch, or further training of a local checkpoint (Radford et al.,
2019).

A trained GPT-2 is exported as a Hugging Face folder. MDT4Rec takes such a folder as its prior (M 3.3), and other
programs can open it.
"""

from __future__ import annotations

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from jaxrec.algorithms.language import prior
from jaxrec.algorithms.language.token_loss import negative_log_likelihood
from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Text
from jaxrec.base.specs import TextSpec
from jaxrec.batches import token_blocks
from jaxrec.models import transformer
from jaxrec.models.language import decoder_config, weights
from jaxrec.models.language.decoder import Decoder
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """Returns the settings of a small GPT-2, trained from scratch."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 1e-3
    optimizer.b2 = 0.99
    optimizer.weight_decay = 0.1
    optimizer.clip_norm = 1.0
    return ConfigDict(
        {
            **prior.defaults(),
            # The next four are the sizes of the model from scratch. Where `backbone` names a model, its own sizes
            # hold, and `context_length` is the length of training sequences alone.
            "width": 128,  # D
            "num_layers": 4,
            "num_heads": 4,
            "context_length": 128,  # tokens of a training sequence, and size of GPT-2's table of positions
            "dropout": 0.1,  # on embeddings and residual branches
            "batch_size": 16,  # sequences per step
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: TextSpec) -> Algorithm:
    """Makes the algorithm, which learns from `Text`; raises JaxrecError on settings that cannot be.

    It can be exported where it is a GPT-2 without adapters.
    """
    decoder = make_decoder(config, spec)

    def init_params(key: Array) -> Params:
        ids = jnp.zeros((1, 2), jnp.int32)
        params = {prior.ROLE: decoder.init(key, ids, method="language")["params"]}
        return prior.zero_loaded_params(config, params)

    def loss_fn(params: Params, batch: Array, key: Array):
        loss = token_losses(decoder, params[prior.ROLE], batch, key).mean()
        return {"language": loss}, {"prediction/perplexity": jnp.exp(loss)}

    def validation_perplexity(params: Params, data: Text) -> dict[str, Array]:
        return perplexity(decoder, params[prior.ROLE], data.validation, config.context_length)

    def export(params: Params, folder: Path) -> None:
        flat = flatten_dict(params[prior.ROLE], sep="/")
        weights.save(folder, decoder.config, lambda path: np.asarray(flat[path]))
        if spec.tokenizer is not None:
            spec.tokenizer.save(folder)

    source = sources.logged(token_blocks.random_blocks(batch_size=config.batch_size, length=config.context_length))
    pretrained = {"frozen": prior.frozen_patterns(config), "load": prior.checkpoint_loader(config)}
    learning = learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer), **pretrained)
    exportable = decoder.config.family == "gpt2" and not decoder.lora.rank
    return Algorithm(learning, source, perplexity=validation_perplexity, export=export if exportable else None)


def make_decoder(config: ConfigDict, spec: TextSpec) -> Decoder:
    """Makes the module that the config describes.

    Raises:
      JaxrecError: settings that cannot be, or a model whose vocabulary or positions are fewer than the text's ids or
        the tokens of a training sequence.
    """
    if config.backbone:
        prior.check_options(config)
        decoder = prior.make_decoder(config)
        check_vocabulary(decoder, spec)
    else:
        transformer.check_sizes("algorithm.", config)
        shape = {leaf: config[leaf] for leaf in ("width", "num_layers", "num_heads")}
        shape |= {"vocab_size": spec.vocabulary, "max_positions": config.context_length}
        decoder = Decoder(decoder_config.gpt2(**shape), dropout=config.dropout)
    check_positions(decoder, "context_length", config.context_length)
    return decoder


def check_vocabulary(decoder: Decoder, spec: TextSpec) -> None:
    """Raises JaxrecError where the text's tokenizer has ids beyond the model's vocabulary."""
    if spec.vocabulary > decoder.config.vocab_size:
        raise JaxrecError(
            f"the text's tokenizer has ids up to {spec.vocabulary - 1} but the language model knows "
            f"{decoder.config.vocab_size} ids, from 0; name the model's own folder as the tokenizer"
        )


def check_positions(decoder: Decoder, option: str, length: int) -> None:
    """Raises JaxrecError where the option's length, in tokens, is below 1 or above the model's number of positions."""
    if not 1 <= length <= decoder.config.max_positions:
        raise JaxrecError(
            f"algorithm.{option} is {length}: the model has positions for 1 to {decoder.config.max_positions}"
        )


def token_losses(decoder: Decoder, params: Params, ids: Array, key: Array | None = None) -> Array:
    """Returns -log p, float32 [B, L], of every token but the first, given the tokens before it (M 3.3, L_language).

    Args:
      params: of the decoder. ids: int32 [B, L + 1]. key: of dropout; None switches dropout off.
    """
    variables, rngs = {"params": params}, None if key is None else {"dropout": key}
    hidden = decoder.apply(variables, ids[:, :-1], key is None, method="encode", rngs=rngs)

    def head(hidden: Array) -> Array:
        return decoder.apply(variables, hidden, method="logits")

    return negative_log_likelihood(head, hidden, ids[:, 1:], decoder.config.vocab_size)


def perplexity(decoder: Decoder, params: Params, stream: Array, length: int, rows: int = 16) -> dict[str, Array]:
    """Returns the perplexity, exp of the mean of -log p per token, and that mean in bits per token.

    Our reading: the stream is cut every `length` tokens, and no token is predicted from those before the cut.

    Args:
      params: of the decoder. stream: int32 [K], the text. length: the most tokens that a token is predicted from.
      rows: blocks of the stream that are encoded at once.
    """
    count = -(-token_blocks.count_blocks(stream, length) // rows)

    def summed_losses(index: Array) -> Array:
        ids, mask = token_blocks.blocks_at(stream, index, length)
        return jnp.where(mask, token_losses(decoder, params, ids), 0.0).sum()

    sums = jax.lax.map(summed_losses, jnp.arange(count * rows).reshape(count, rows))
    mean = sums.sum() / max(stream.shape[0] - 1, 1)
    return {"validation/perplexity": jnp.exp(mean), "validation/bits_per_token": mean / math.log(2.0)}

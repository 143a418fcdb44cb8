"""A causal language model: GPT-2 of any size from scratch, or a local checkpoint trained on (Radford et al., 2019).

Its export is a Hugging Face folder, which MDT4Rec takes as its prior and which other programs open.
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
from jaxrec.models.language import config as decoder_config
from jaxrec.models.language import weights
from jaxrec.models.language.decoder import Decoder
from jaxrec.training import learner, optimizers, sources


def defaults() -> ConfigDict:
    """A small GPT-2, from scratch."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 1e-3
    optimizer.b2 = 0.99
    optimizer.weight_decay = 0.1
    optimizer.clip_norm = 1.0
    return ConfigDict(
        {
            **prior.defaults(),
            # The four below describe the model from scratch; a backbone brings its own.
            "width": 128,  # D
            "num_layers": 4,
            "num_heads": 4,
            "context_length": 128,  # tokens of a training sequence, and GPT-2's table of positions
            "dropout": 0.1,  # on embeddings and residual branches
            "batch_size": 16,  # sequences per step
            "optimizer": optimizer,
        }
    )


def make(config: ConfigDict, spec: TextSpec) -> Algorithm:
    """Learns from `Text`; raises JaxrecError on settings that cannot work."""
    decoder = make_decoder(config, spec)

    def init_params(key: Array) -> Params:
        ids = jnp.zeros((1, 2), jnp.int32)
        return prior.blank(config, {prior.ROLE: decoder.init(key, ids, method="language")["params"]})

    def loss_fn(params: Params, batch: Array, key: Array):
        loss = token_losses(decoder, params[prior.ROLE], batch, key).mean()
        return {"language": loss}, {"prediction/perplexity": jnp.exp(loss)}

    def measure(params: Params, data: Text) -> dict[str, Array]:
        return perplexity(decoder, params[prior.ROLE], data.validation, config.context_length)

    def export(params: Params, folder: Path) -> None:
        flat = flatten_dict(params[prior.ROLE], sep="/")
        weights.save(folder, decoder.config, lambda path: np.asarray(flat[path]))
        if spec.tokenizer is not None:
            spec.tokenizer.save(folder)

    source = sources.logged(token_blocks.random_blocks(batch_size=config.batch_size, length=config.context_length))
    tx = optimizers.make(config.optimizer)
    learning = learner.from_loss(init_params, loss_fn, tx, frozen=prior.frozen(config), load=prior.from_files(config))
    plain = decoder.config.family == "gpt2" and not decoder.lora.rank
    return Algorithm(learning, source, perplexity=measure, export=export if plain else None)


def make_decoder(config: ConfigDict, spec: TextSpec) -> Decoder:
    """The module a config describes, if it fits the text's vocabulary."""
    if config.backbone:
        prior.check(config)
        decoder = prior.decoder(config)
        fits(decoder, spec)
    else:
        transformer.check("algorithm.", config)
        shape = {leaf: config[leaf] for leaf in ("width", "num_layers", "num_heads")}
        shape |= {"vocab_size": spec.vocabulary, "max_positions": config.context_length}
        decoder = Decoder(decoder_config.gpt2(**shape), dropout=config.dropout)
    if not 1 <= config.context_length <= decoder.config.max_positions:
        raise JaxrecError(
            f"algorithm.context_length is {config.context_length}: the model has positions for 1 to "
            f"{decoder.config.max_positions}"
        )
    return decoder


def fits(decoder: Decoder, spec: TextSpec) -> None:
    """Raises JaxrecError where the text holds ids that the model does not know."""
    if spec.vocabulary > decoder.config.vocab_size:
        raise JaxrecError(
            f"the text's tokenizer has {spec.vocabulary} ids but the language model knows {decoder.config.vocab_size}; "
            "name the model's own folder as the tokenizer"
        )


def token_losses(decoder: Decoder, params: Params, ids: Array, key: Array | None = None) -> Array:
    """-log p [B, L] of every token of ids [B, L + 1] but the first. Dropout falls where a key is given."""
    variables, rngs = {"params": params}, None if key is None else {"dropout": key}
    hidden = decoder.apply(variables, ids[:, :-1], key is None, method="encode", rngs=rngs)

    def head(hidden: Array) -> Array:
        return decoder.apply(variables, hidden, method="logits")

    return negative_log_likelihood(head, hidden, ids[:, 1:], decoder.config.vocab_size)


def perplexity(decoder: Decoder, params: Params, stream: Array, length: int, rows: int = 16) -> dict[str, Array]:
    """exp of the mean -log p per token of a stream [K], and bits per token; each token sees up to `length` before it.

    Our reading: the stream is cut every `length` tokens and nothing is seen across a cut.
    """
    count = -(-token_blocks.count_blocks(stream, length) // rows)

    def losses(index: Array) -> Array:
        ids, mask = token_blocks.blocks_at(stream, index, length)
        return jnp.where(mask, token_losses(decoder, params, ids), 0.0).sum()

    sums = jax.lax.map(losses, jnp.arange(count * rows).reshape(count, rows))
    mean = sums.sum() / max(stream.shape[0] - 1, 1)
    return {"validation/perplexity": jnp.exp(mean), "validation/bits_per_token": mean / math.log(2.0)}

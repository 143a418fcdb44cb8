"""A pre-trained decoder as part of another network: its first weights, and which of its weights are trained (M 3.3).

The decoder's parameters are the role `backbone`. The option `adapt` says what is trained. lora: low-rank adapters on
queries, keys and values, while all weights of the checkpoint stand still (M 4.1). frozen: nothing. full: everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Array, LoadParams, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.models.language import decoder_config, weights
from jaxrec.models.language.decoder import Decoder
from jaxrec.models.language.weights import AbstractParams
from jaxrec.models.lora import LoRA

ROLE = "backbone"
_FROZEN = {"lora": (rf"{ROLE}/(?!.*lora_)",), "frozen": (rf"{ROLE}/",), "full": ()}
_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}

RANGES = {
    "backbone": ranges.TEXT,
    "init": ranges.choice("pretrained", "random"),
    "adapt": ranges.choice(*_FROZEN),
    "lora.rank": ranges.WHOLE,
    "lora.alpha": ranges.POSITIVE,
    "lora.dropout": ranges.BELOW_ONE,
    "backbone_dtype": ranges.choice(*_DTYPES),
}


def defaults() -> dict[str, Any]:
    """Returns the options of a language-model prior, which algorithms add to their own."""
    return {
        "backbone": "",  # a Hugging Face folder, or a fit stage that exported one; "" = no language model
        "init": "pretrained",  # the weights of the folder, or 'random': new weights in the sizes of the folder's model
        "adapt": "lora",  # lora, frozen or full
        "lora": {"rank": 16, "alpha": 32.0, "dropout": 0.1},  # M 4.1
        "backbone_dtype": "float32",  # of its computations (parameters stay float32); bfloat16 on accelerators
    }


def check_options(config: ConfigDict) -> None:
    """Raises JaxrecError on adapters without a rank, and on a folder that cannot be loaded."""
    if config.adapt == "lora" and config.lora.rank < 1:
        raise JaxrecError(f"algorithm.lora.rank is {config.lora.rank}: set it to 1 or more, or adapt to 'frozen'")
    shape = decoder_config.read(config.backbone)
    if config.init == "pretrained":
        weights.check_tensors(config.backbone, shape)


def make_decoder(config: ConfigDict) -> Decoder:
    """Makes the module in the sizes of `backbone`; it has adapters only where they are trained (`adapt` lora)."""
    lora = LoRA(config.lora.rank, config.lora.alpha, config.lora.dropout) if config.adapt == "lora" else LoRA()
    return Decoder(decoder_config.read(config.backbone), lora, config.dropout, _DTYPES[config.backbone_dtype])


def frozen_patterns(config: ConfigDict) -> tuple[str, ...]:
    """Returns regexes of the paths of parameters for which `learner.from_loss` computes no gradient."""
    return _FROZEN[config.adapt] if config.backbone else ()


def checkpoint_loader(config: ConfigDict) -> LoadParams | None:
    """Makes `Learner.load`, which reads the checkpoint's weights; None where no weights are pre-trained."""
    if not config.backbone or config.init == "random":
        return None

    def load(abstract: AbstractParams) -> Iterator[tuple[str, Array]]:
        decoder = {path.removeprefix(f"{ROLE}/"): leaf for path, leaf in abstract.items() if _in_checkpoint(path)}
        for path, leaf in weights.load(config.backbone, decoder_config.read(config.backbone), decoder):
            yield f"{ROLE}/{path}", leaf

    return load


def zero_loaded_params(config: ConfigDict, params: Params) -> Params:
    """Returns the parameters with zeros in place of those that `checkpoint_loader` will fill, so that a compiled
    initialisation does not draw random numbers for them."""
    if checkpoint_loader(config) is None:
        return params
    flat = flatten_dict(params, sep="/")
    zeroed = {path: jnp.zeros_like(leaf) if _in_checkpoint(path) else leaf for path, leaf in flat.items()}
    return unflatten_dict(zeroed, sep="/")


def _in_checkpoint(path: str) -> bool:
    return path.startswith(f"{ROLE}/") and "/lora_" not in path

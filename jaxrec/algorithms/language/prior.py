"""A pre-trained decoder inside another network: which weights it starts from and which of them may change (M 3.3).

The decoder's parameters are the role `backbone`. `adapt` lora: low-rank adapters on queries, keys and values learn and
everything the checkpoint holds stands still (M 4.1); frozen: nothing learns; full: everything does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from jaxrec.base.contracts import Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.models.language import config as decoder_config
from jaxrec.models.language import weights
from jaxrec.models.language.decoder import Decoder
from jaxrec.models.language.weights import Wanted
from jaxrec.models.lora import LoRA

ROLE = "backbone"
_FROZEN = {"lora": (rf"{ROLE}/(?!.*lora_)",), "frozen": (rf"{ROLE}/",), "full": ()}
_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def defaults() -> dict[str, Any]:
    """Options of a language-model prior, to be merged into an algorithm's."""
    return {
        "backbone": "",  # a Hugging Face folder, or a fit stage that exported one; "" = no language model
        "init": "pretrained",  # the folder's weights, or "random": its shape alone
        "adapt": "lora",  # lora, frozen or full
        "lora": {"rank": 16, "alpha": 32.0, "dropout": 0.1},  # M 4.1
        "backbone_dtype": "float32",  # what it computes in (parameters stay float32); bfloat16 on accelerators
    }


def check(config: ConfigDict) -> None:
    """Raises JaxrecError on options that mean nothing, and on a folder that cannot be loaded."""
    for leaf, choices in (("init", ("pretrained", "random")), ("adapt", _FROZEN), ("backbone_dtype", _DTYPES)):
        if config[leaf] not in choices:
            raise JaxrecError(f"algorithm.{leaf} is {config[leaf]!r}: choose one of {sorted(choices)}")
    if config.adapt == "lora" and config.lora.rank < 1:
        raise JaxrecError(f"algorithm.lora.rank is {config.lora.rank}: set it to 1 or more, or adapt to 'frozen'")
    shape = decoder_config.read(config.backbone)
    if config.init == "pretrained":
        weights.check(config.backbone, shape)


def decoder(config: ConfigDict) -> Decoder:
    """The module; adapters only where they are what learns."""
    lora = LoRA(config.lora.rank, config.lora.alpha, config.lora.dropout) if config.adapt == "lora" else LoRA()
    return Decoder(decoder_config.read(config.backbone), lora, config.dropout, _DTYPES[config.backbone_dtype])


def frozen(config: ConfigDict) -> tuple[str, ...]:
    """Patterns of what `learner.from_loss` neither differentiates nor updates."""
    return _FROZEN[config.adapt] if config.backbone else ()


def from_files(config: ConfigDict) -> Callable[[Wanted], Iterator[tuple[str, Array]]] | None:
    """`Learner.load` of the checkpoint's weights, or None where nothing is pre-trained."""
    if not config.backbone or config.init == "random":
        return None

    def load(wanted: Wanted) -> Iterator[tuple[str, Array]]:
        inner = {path.removeprefix(f"{ROLE}/"): leaf for path, leaf in wanted.items() if _stored(path)}
        for path, leaf in weights.load(config.backbone, decoder_config.read(config.backbone), inner):
            yield f"{ROLE}/{path}", leaf

    return load


def blank(config: ConfigDict, params: Params) -> Params:
    """The same parameters, zeros where the files will fill them: so that nothing is drawn to be thrown away."""
    if from_files(config) is None:
        return params
    flat = flatten_dict(params, sep="/")
    return unflatten_dict({p: jnp.zeros_like(x) if _stored(p) else x for p, x in flat.items()}, sep="/")


def _stored(path: str) -> bool:
    return path.startswith(f"{ROLE}/") and "/lora_" not in path

"""A decoder and its parameters from a folder, compiled calls."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxrec.models.language import decoder_config, weights
from jaxrec.models.language.decoder import Decoder


def abstract(module: Decoder) -> dict[str, jax.ShapeDtypeStruct]:
    """Every parameter of the language model by path, without making one."""
    ids = jnp.zeros((1, 4), jnp.int32)
    return flatten_dict(
        jax.eval_shape(lambda k: module.init(k, ids, method="language"), jax.random.key(0))["params"], sep="/"
    )


def load(folder: Path) -> tuple[Decoder, dict]:
    """(module, variables)."""
    module = Decoder(decoder_config.read(folder))
    return module, {"params": unflatten_dict(dict(weights.load(folder, module.config, abstract(module))), sep="/")}


def call(module: Decoder, variables: dict, *arguments, rngs=None, **static):
    """`module.apply`, compiled once per kind of call; `static` are its keyword arguments and `method`."""
    return _compiled(module, tuple(sorted(static.items())))(variables, rngs, *arguments)


@lru_cache
def _compiled(module: Decoder, static: tuple):
    return jax.jit(lambda variables, rngs, *a: module.apply(variables, *a, rngs=rngs, **dict(static)))

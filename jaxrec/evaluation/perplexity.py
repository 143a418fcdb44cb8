"""Measures a language model on the held-out part of a text."""

from __future__ import annotations

from collections.abc import Callable

from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Evaluator, Measured, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Text
from jaxrec.base.specs import TextSpec

DRAWS = False

RANGES: dict[str, ranges.Range] = {}


def defaults() -> ConfigDict:
    """Returns no options: there is nothing to set."""
    return ConfigDict()


def make(config: ConfigDict, spec: TextSpec) -> Evaluator:
    """Makes the evaluator of language models on the held-out part of a `records.Text`.

    It measures two scalars, "validation/perplexity" and "validation/bits_per_token".
    """
    del config, spec

    def check(algorithm: Algorithm, name: str) -> None:
        if algorithm.perplexity is None:
            raise JaxrecError(f"{name!r} is no language model, so it has no perplexity")

    def measure(algorithm: Algorithm) -> Callable[[Params, Text, Array], Measured]:
        return lambda params, data, key: Measured(algorithm.perplexity(params, data), {})

    return Evaluator(check, measure, DRAWS)

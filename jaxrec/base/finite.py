"""Numbers that are finite: what a model that has gone wrong does not give, and nobody sees from a ranking of NaN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.base.errors import JaxrecError

Array = jax.Array


def rankable(scores: Array) -> Array:
    """Returns bool [...]: whether scores [..., A] can rank A items. The largest must be a finite number: it is none
    where any score is NaN or infinite, or all are -inf. A score of -inf says that an item is not to be recommended."""
    return jnp.isfinite(jnp.max(scores, axis=-1))


def check_params(params: Any, where: str, remedy: str) -> None:
    """Checks that every number of a tree of arrays is finite.

    Args:
      where: what holds the parameters, in words that begin the message. remedy: what to do, in words that end it.

    Raises:
      JaxrecError: names the first parameter that is not finite.
    """
    flags = {jax.tree_util.keystr(path, simple=True, separator="/"): flag for path, flag in _flags(params)}
    for path, flag in jax.device_get(flags).items():
        if not flag:
            raise JaxrecError(f"{where}: parameter {path} holds numbers that are not finite; {remedy}")


def _flags(params: Any) -> list[tuple[Any, Array]]:
    return jax.tree_util.tree_leaves_with_path(_all_finite(params))


@jax.jit
def _all_finite(params: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), params)


def check_metrics(metrics: Mapping[str, Array], name: str) -> None:
    """Checks that every metric [S] of a model is finite; evaluators give NaN where scores were not finite numbers.

    Raises:
      JaxrecError: names the model and the first metric that is not finite.
    """
    for metric, values in metrics.items():
        outside = ~np.isfinite(np.asarray(values))
        if outside.any():
            seed = int(outside.reshape(len(outside), -1).any(1).argmax())
            raise JaxrecError(
                f"{name!r} has no finite {metric} (seed {seed}): what it computes is not finite numbers; no result is "
                "written; lower its learning rate and train it again"
            )

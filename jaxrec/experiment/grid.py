"""A fit that chooses its settings: every point of a grid is trained and watched alike, and the best one is kept.

The score of a point is the mean over seeds of the best watched score; of equal scores the earlier point wins. So no
point is chosen by what an evaluation measures on, and rows with grids of the same size have the same budget.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec import algorithms
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment.resources import AlgorithmInputs

RANGES = {"*": ranges.Range("a list of two or more values", lambda x: isinstance(x, list | tuple) and len(x) > 1)}


class Point(NamedTuple):
    """One setting of a grid.

    Attributes:
      name: of its folders below those of the stage; '' without a grid.
      options: option -> value, options named as in `declare.fit`.
    """

    name: str
    options: Mapping[str, Any]


def points(stage: ConfigDict) -> list[Point]:
    """The points of a fit stage's grid, the last option changing fastest; one without options where it has none."""
    if not stage.grid:
        return [Point("", {})]
    options = sorted(stage.grid)
    settings = itertools.product(*(stage.grid[option] for option in options))
    return [Point(f"grid_{n}", dict(zip(options, values, strict=True))) for n, values in enumerate(settings)]


def at(made_of: AlgorithmInputs, point: Point) -> AlgorithmInputs:
    """What an algorithm is made of, with the options of a point."""
    if not point.options:
        return made_of
    options = made_of.options.copy_and_resolve_references()
    with options.unlocked():
        for option, value in point.options.items():
            *heads, last = option.split("__")
            node = options
            for head in heads:
                node = node[head]
            node[last] = value
    return made_of._replace(options=options)


def check(stage: ConfigDict, made_of: AlgorithmInputs) -> None:
    """Every point can be trained, is watched, and has parameters of the same shapes.

    Raises:
      JaxrecError: the first that can not.
    """
    if not stage.grid:
        return
    if not stage.watch:
        raise JaxrecError("a grid chooses by a watched score; declare what watches the fit")
    if not stage.num_steps:
        raise JaxrecError("a grid chooses among trainings, but num_steps is 0")
    shapes = {point.name: _shapes(_made(made_of, point)) for point in points(stage)}
    if len(set(map(str, shapes.values()))) > 1:
        raise JaxrecError(
            f"grid {sorted(stage.grid)} changes the shapes of parameters; choose sizes in stages of their own"
        )


def _made(made_of: AlgorithmInputs, point: Point) -> Algorithm:
    for option in point.options:
        head = option.split("__")[0]
        if head not in made_of.options:
            raise JaxrecError(f"grid.{option}: {made_of.options.name} has no option {head!r}")
    changed = at(made_of, point)
    ranges.check(f"grid {dict(point.options)}: ", changed.options, algorithms.ranges_of(changed.options.name))
    return changed.make()


def _shapes(algorithm: Algorithm) -> Any:
    return jax.tree.map(lambda leaf: leaf.shape, jax.eval_shape(algorithm.learner.init, jax.random.key(0)).params)


def score(watch: ConfigDict, kept: Mapping[str, Any]) -> float:
    """The score of a point, the higher the better; `kept` is what a watched fit kept."""
    mean = float(np.mean(kept["watched"]["best"]))
    return mean if watch.higher_is_better else -mean

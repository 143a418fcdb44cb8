"""What a fitted model says of every row of something, which a transform stage leaves: name -> array [R, ...]."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.experiment.kinds import Beside, Content, Dataset
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.stages import transform

EVALUATORS: tuple[str, ...] = ()


def _only(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The array of annotations that hold one."""
    if len(arrays) != 1:
        raise JaxrecError(f"annotations of {sorted(arrays)} stand beside data as one array: transform them apart")
    return next(iter(arrays.values()))


BESIDE = Beside(value=_only, drawn=False)
ORIGIN = "trained on the annotations `{}`"


def inputs(config: ConfigDict, name: str) -> tuple[str, ...]:
    return (name,)


def load(resources: Resources, name: str) -> Dataset:
    """The arrays, which are their own facts."""
    arrays = transform.read(resources, name)
    return Dataset(arrays, arrays)


def spec(resources: Resources, name: str) -> dict[str, np.ndarray]:
    """Before the model is fitted, zeros of the same shapes."""
    if resources.folder_is_done(name):
        return resources.dataset(name).spec
    stage = resources.config.stages[name]
    algorithm, data = resources.algorithm(stage.model), resources.learned_from(stage.model)
    abstract = jax.eval_shape(algorithm.learner.init, jax.random.key(0)).params
    zeros = {}
    for transformed in stage.names:
        made = transform.named(algorithm, stage.model, transformed)
        count = made.num_rows(data)
        one = jax.eval_shape(made.annotate, abstract, data, jax.ShapeDtypeStruct((1,), jnp.int32))
        zeros[transformed] = np.zeros((count, *one.shape[1:]), one.dtype)
    return zeros


def content(resources: Resources, name: str) -> Content:
    made = resources.stage_fingerprint(name)
    return Content(made, made)


def facts(resources: Resources, name: str) -> list[str]:
    del resources, name
    return []

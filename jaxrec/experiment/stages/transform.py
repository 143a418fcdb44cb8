"""The `transform` stage: what a fitted model says of every row of something, shard by shard.

The artifact is a folder of shards and shards.json, which says what the shards are of; a stage that was stopped goes on
at the first shard that is missing or damaged.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import files, ranges
from jaxrec.base.contracts import Algorithm, Transform
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import remedy, save_npz, write_json
from jaxrec.reporting.progress import Progress
from jaxrec.training import processes
from jaxrec.training.loop import Stopped

PRODUCES = "annotations"
LEAVES_MODEL = False
GROWS = ""
_SHARDS = "shards.json"  # transform -> names of its files, in the order of rows


RANGES = {
    "model": ranges.TEXT,
    "names": ranges.NAMES,
    "seed": ranges.WHOLE,
    "rows_per_shard": ranges.COUNT,
}


def ranges_of(stage: ConfigDict) -> Mapping[str, ranges.Range]:
    del stage
    return RANGES


def inputs(config: ConfigDict, name: str) -> list[str]:
    model = config.stages[name].model
    data = config.stages[model].data if model in config.stages and "data" in config.stages[model] else None
    return [model, *filter(None, [data])]


def models(config: ConfigDict, name: str) -> list[str]:
    return [config.stages[name].model]


def describe(stage: ConfigDict) -> str:
    return f"transform: {', '.join(stage.names)} of {stage.model}"


def options(resources: Resources, name: str) -> dict[str, Any]:
    stage = resources.config.stages[name]
    return {"names": stage.names, "seed": stage.seed}


def contents(resources: Resources, name: str) -> dict[str, str]:
    model = resources.config.stages[name].model
    return {"model": resources.stage_fingerprint(model)}


def named(algorithm: Algorithm, model: str, name: str) -> Transform:
    """A transform of an algorithm.

    Raises:
      JaxrecError: it has none of that name.
    """
    if name not in algorithm.transforms:
        known = ", ".join(sorted(algorithm.transforms)) or "none"
        raise JaxrecError(f"{model!r} has no transform {name!r}; it has {known}")
    return algorithm.transforms[name]


def check(resources: Resources, name: str) -> None:
    stage = resources.config.stages[name]
    if resources.config.stages[stage.model].kind != "fit":
        raise JaxrecError(f"stage {name!r}: {stage.model!r} is no fit stage")
    if stage.seed >= resources.num_seeds(stage.model):
        raise JaxrecError(f"stage {name!r}: {stage.model!r} has no seed {stage.seed}")
    algorithm = resources.algorithm(stage.model)
    for transformed in stage.names:
        named(algorithm, stage.model, transformed)


def run(resources: Resources, name: str, progress: Progress) -> dict[str, Any]:
    """Writes the shards of stage `name` that are missing or damaged, and the list of all."""
    stage, folder = resources.config.stages[name], resources.folder(name).path
    fitted, data = resources.fitted(stage.model), resources.learned_from(stage.model)
    params = jax.tree.map(lambda leaf: leaf[stage.seed], fitted.params)
    began, written = time.monotonic(), {}
    shards = list(_shards(fitted.algorithm, stage, data))
    with progress.bar(name, total=len(shards), unit="shard") as bar:
        for number, (transformed, first, rows) in enumerate(shards, start=1):
            if any(processes.any_wants(resources.stop_requested())):
                raise Stopped(f"stopped at shard {number} of {len(shards)} of {name}")
            path = folder / f"{transformed}_{first:012d}_{first + len(rows):012d}.npz"
            if not _is_whole(path):
                annotate = resources.once(
                    ("annotate", name, transformed), lambda t=transformed: _jitted(fitted, stage, t)
                )
                save_npz(path, {"rows": annotate(params, data, rows)})
            written.setdefault(transformed, []).append(path.name)
            bar.done(number)
    processes.wait_for_all(f"shards of {name}")
    if processes.is_first():
        for path in set(folder.glob("*.npz")) - {folder / file for of in written.values() for file in of}:
            path.unlink()  # of a run that was stopped, with other rows_per_shard
    write_json(folder / _SHARDS, written)
    return {"seconds": time.monotonic() - began, "num_seeds": 1}


def _is_whole(path: Path) -> bool:
    """Whether a run that was stopped left this shard: an .npz file tells by checksums of its own if it is damaged."""
    try:
        return "rows" in files.read_npz(path, "")
    except JaxrecError:
        return False


def _jitted(fitted: Any, stage: ConfigDict, transformed: str) -> Any:
    return jax.jit(named(fitted.algorithm, stage.model, transformed).annotate)


def _shards(algorithm: Algorithm, stage: ConfigDict, data: Any) -> Iterator[tuple[str, int, np.ndarray]]:
    """(transform, first row, rows int32 [R]); every shard of a transform but the last has as many rows."""
    for transformed in stage.names:
        count = named(algorithm, stage.model, transformed).num_rows(data)
        for first in range(0, count, stage.rows_per_shard):
            yield transformed, first, np.arange(first, min(first + stage.rows_per_shard, count), dtype=np.int32)


def read(resources: Resources, name: str) -> dict[str, np.ndarray]:
    """Transform -> array [R, ...], from the shards of a finished stage.

    Raises:
      JaxrecError: a shard is missing or damaged.
    """
    folder = resources.artifact(name)
    shards = json.loads((folder / _SHARDS).read_text())
    return {
        transformed: np.concatenate([files.read_npz(folder / file, remedy(folder))["rows"] for file in of])
        for transformed, of in shards.items()
    }

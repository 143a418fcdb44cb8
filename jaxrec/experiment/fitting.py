"""The `fit` stage: train an algorithm on a log, on collected episodes or in an environment."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.experiment import problem
from jaxrec.experiment.context import Context, read_params
from jaxrec.reporting.progress import Progress
from jaxrec.reporting.writer import MetricsWriter
from jaxrec.training import loop, processes
from jaxrec.training.checkpoint import Checkpoints
from jaxrec.types import JaxrecError, Learner


def run(context: Context, name: str, progress: Progress) -> dict[str, Any]:
    """Trains stage `name` from where it stands and leaves its parameters in its folder; returns facts for the
    record."""
    config, folder = context.config.stages[name], context.folder(name).path
    data, spec = context.stage_data(config)
    algorithm = problem.make_algorithm(config.algorithm, spec)
    if algorithm.learner is None:
        began = time.monotonic()
        context.fitted(name)
        return {"seconds": time.monotonic() - began, "num_seeds": 1}
    learner = starting_from(algorithm.learner, config) if config.init_from else algorithm.learner
    num_seeds = context.num_seeds(config)
    with contextlib.ExitStack() as stack:
        watch: dict[str, Any] = {}

        def on_start(step: int) -> None:
            watch["bar"] = stack.enter_context(progress.bar(name, config.num_steps, initial=step))
            writer = MetricsWriter(context.workdir, name, first_step=step, enabled=processes.is_first())
            watch["writer"] = stack.enter_context(writer)

        def on_metrics(step: int, metrics: Mapping[str, np.ndarray]) -> None:
            means = watch["writer"].write(step, metrics)
            watch["bar"].done(
                step, {metric: means[metric] for metric in ("loss/total", "rollout/R_avg") if metric in means}
            )

        state = loop.fit(
            learner,
            algorithm.source,
            data,
            num_steps=config.num_steps,
            steps_per_call=config.steps_per_call,
            seed=context.config.seed,
            num_seeds=num_seeds,
            mesh=context.mesh,
            rules=context.config.sharding,
            checkpoints=Checkpoints(folder / "checkpoints", report=progress.say),
            checkpoint_seconds=context.config.checkpoint_seconds,
            on_start=on_start,
            on_metrics=on_metrics,
            stop_requested=context.stop_requested,
        )
        seconds, rate = watch["bar"].elapsed(), watch["bar"].rate()
    Checkpoints(folder / "params", keep=1).save(config.num_steps, state.params)
    size = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // num_seeds
    return {
        "seconds": seconds,
        "speed": f"{rate:.3g} steps/s of {num_seeds} seed{'s' * (num_seeds != 1)} at once, {size:,} parameters each",
        "num_seeds": num_seeds,
        "spec": dataclasses.asdict(dataclasses.replace(spec, environment=None)),
    }


def starting_from(learner: Learner, config: ConfigDict) -> Learner:
    """The learner, begun at the parameters of seed 0 of another run's fit stage."""
    abstract = jax.eval_shape(learner.init, jax.random.key(0)).params
    source = Path(config.init_from)
    if not (source / "done.json").exists():
        raise JaxrecError(f"init_from {source} is not the folder of a finished fit stage (it has no done.json)")
    seeds = json.loads((source / "done.json").read_text())["num_seeds"]
    place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    template = jax.tree.map(lambda x: jax.ShapeDtypeStruct((seeds, *x.shape), x.dtype, sharding=place), abstract)
    params = jax.tree.map(lambda leaf: np.asarray(leaf[0]), read_params(source, template))
    return learner._replace(init=lambda key: learner.init(key).replace(params=params))

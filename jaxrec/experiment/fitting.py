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
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.contracts import Algorithm, Array, Learner, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import problem
from jaxrec.experiment.context import EXPORT, Context, read_params
from jaxrec.reporting.progress import Progress
from jaxrec.reporting.writer import MetricsWriter
from jaxrec.training import loop, processes
from jaxrec.training.checkpoint import Checkpoints


def run(context: Context, name: str, progress: Progress) -> dict[str, Any]:
    """Trains stage `name` from where it stands and leaves its parameters in its folder; returns facts for the
    record."""
    config, folder = context.config.stages[name], context.folder(name).path
    data, spec = context.stage_data(config)
    algorithm = problem.make_algorithm(context.algorithm_config(config), spec)
    if algorithm.learner is None or "params_of" in config:
        began = time.monotonic()
        context.fitted(name)
        return {"seconds": time.monotonic() - began, "num_seeds": context.num_seeds(config) if algorithm.learner else 1}
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
    if algorithm.export and processes.is_first():
        export(context, config, algorithm, state.params, folder / EXPORT)
    size = sum(leaf.size for leaf in jax.tree.leaves(state.params)) // num_seeds
    return {
        "seconds": seconds,
        "speed": f"{rate:.3g} steps/s of {num_seeds} seed{'s' * (num_seeds != 1)} at once, {size:,} parameters each",
        "num_seeds": num_seeds,
        "spec": dataclasses.asdict(dataclasses.replace(spec, environment=None, features=None, tail=None, vectors=None)),
    }


def export(context: Context, config: ConfigDict, algorithm: Algorithm, params: Params, folder: Path) -> None:
    """What other programs read of seed 0, with the tokenizer it was trained on."""
    algorithm.export(jax.tree.map(lambda leaf: leaf[0], params), folder)
    if config.data in context.config.texts:
        context.text(config.data)[1].save(folder)


def starting_from(learner: Learner, config: ConfigDict) -> Learner:
    """The learner, begun at the parameters of seed 0 of another run's fit stage; target networks begin as copies."""
    stored = read_params(Path(config.init_from), _stored_elsewhere(learner, config))
    params = jax.tree.map(lambda leaf: np.asarray(leaf[0]), stored)

    def init(key: Array) -> Any:
        state = learner.init(key).replace(params=params)
        copies = {role: jax.tree.map(jnp.copy, params[role]) for role in state.target_params}
        return state.replace(target_params=copies)

    return learner._replace(init=init, load=None)


def check_start(learner: Learner, config: ConfigDict) -> None:
    """Raises JaxrecError where `init_from` is not a finished fit stage of this catalogue and network."""
    Checkpoints(Path(config.init_from) / "params").check(_stored_elsewhere(learner, config))


def _stored_elsewhere(learner: Learner, config: ConfigDict) -> Params:
    """What the learner's parameters look like in the folder of another run's fit stage, all seeds of it."""
    done = Path(config.init_from) / "done.json"
    if not done.exists():
        raise JaxrecError(f"init_from {done.parent} is not the folder of a finished fit stage (it has no done.json)")
    seeds = json.loads(done.read_text())["num_seeds"]
    place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    abstract = jax.eval_shape(learner.init, jax.random.key(0)).params
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((seeds, *x.shape), x.dtype, sharding=place), abstract)

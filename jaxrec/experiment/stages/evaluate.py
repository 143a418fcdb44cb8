"""The `evaluate` stage: fitted models, all seeds, measured on one dataset."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import finite, ranges, registry
from jaxrec.base.contracts import Evaluator, Measured, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.experiment import graph, inference, kinds
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import save_arrays, write_json
from jaxrec.reporting import significance
from jaxrec.reporting.progress import Progress

PRODUCES = ""
LEAVES_MODEL = False
GROWS = ""


def inputs(config: ConfigDict, name: str) -> list[str]:
    return [config.stages[name].on, *models(config, name)]


def models(config: ConfigDict, name: str) -> list[str]:
    return list(config.stages[name].policies)


def describe(stage: ConfigDict) -> str:
    modes = f", modes {', '.join(stage.evaluator.modes)}" if "modes" in stage.evaluator else ""
    return f"evaluate {len(stage.policies)} policies on {stage.on} by {stage.evaluator.name}{modes}"


def options(resources: Resources, name: str) -> dict[str, Any]:
    config, stage = resources.config, resources.config.stages[name].to_dict()
    asked = {leaf: config[leaf].to_dict() for leaf in ("inference", "sweeps") if config[leaf]}
    for sweep in asked.get("sweeps", {}).values():
        del sweep["title"]  # is shown and changes no number
    shared = {"seed": config.seed, "num_seeds": config.num_seeds}
    return {"evaluator": stage["evaluator"], "policies": stage["policies"]} | asked | shared


def contents(resources: Resources, name: str) -> dict[str, str]:
    stage = resources.config.stages[name]
    found = {"data": resources.content(stage.on).measured}
    for policy in stage.policies:
        own = resources.config.stages[policy].data
        found[policy] = resources.stage_fingerprint(policy)
        # A model may be measured on what is held out beside rows made as its own.
        found[f"what {policy} is measured on"] = resources.content(own).measured
    return found


def evaluator_module(config: ConfigDict, name: str) -> ModuleType:
    """The file of the evaluator of stage `name`."""
    return registry.resolve("jaxrec.evaluation", config.stages[name].evaluator.name, "def make(", "evaluator")


def evaluator_of(resources: Resources, name: str, spec: Any) -> Evaluator:
    """The evaluator of stage `name`, for a dataset of these facts."""
    return evaluator_module(resources.config, name).make(resources.config.stages[name].evaluator, spec)


def check(resources: Resources, name: str) -> None:
    """The dataset is of a kind that the evaluator measures on, and so is every policy.

    Raises:
      JaxrecError: it is not; or an option is asked at inference that no policy has.
    """
    config, stage = resources.config, resources.config.stages[name]
    ranges.check(f"stage {name!r}: ", stage, {"policies": ranges.NAMES})
    inference.check(config, name)
    allowed = kinds.load(graph.kind_of(config, stage.on)).EVALUATORS
    if stage.evaluator.name not in allowed:
        known = ", ".join(allowed) or "nothing"
        raise JaxrecError(f"stage {name!r}: {stage.on!r} is measured by {known}, not by {stage.evaluator.name}")
    evaluator = evaluator_of(resources, name, resources.spec(stage.on))
    for policy in stage.policies:
        try:
            evaluator.check(resources.algorithm(policy), policy)
            kinds.load(graph.kind_of(config, stage.on)).check_policy(config, stage.on, policy)
        except JaxrecError as error:
            raise JaxrecError(f"stage {name!r}: {error}") from error


def run(resources: Resources, name: str, progress: Progress) -> dict[str, Any]:
    """Measures stage `name`'s policies.

    It leaves results.json: policy -> metric -> one value per seed; sweeps.json: policy -> sweep -> [value, metric ->
    one number per seed]; and of rankings sessions.npz, for `reporting.significance`: policy -> metric -> [N], the mean
    over seeds of what each session adds.
    """
    policies, folder = resources.config.stages[name].policies, resources.folder(name).path
    results, seconds, swept, sessions = {}, {}, {}, {}
    with progress.bar(name, total=len(policies), unit="policy") as bar:
        for policy in policies:
            began = time.monotonic()
            measured, swept[policy] = _measured(resources, name, policy)
            results[policy] = {metric: np.asarray(values).tolist() for metric, values in measured.metrics.items()}
            sessions[policy] = {metric: np.asarray(values).mean(0) for metric, values in measured.sessions.items()}
            seconds[policy] = time.monotonic() - began
            bar.done(len(results))
    write_json(folder / "results.json", results)
    write_json(folder / "sweeps.json", {policy: curves for policy, curves in swept.items() if curves})
    if any(sessions.values()):
        save_arrays(folder / significance.FILE, sessions)
    return {"seconds": sum(seconds.values()), "seconds_by_policy": seconds}


def _measured(resources: Resources, name: str, policy: str) -> tuple[Measured, Mapping[str, Any]]:
    """(what one policy is worth, its sweeps), every leaf with an axis of seeds.

    Raises:
      JaxrecError: a metric is not finite.
    """
    config, fitted = resources.config, resources.fitted(policy)
    data, spec = resources.measured_on(config.stages[name].on, policy)
    evaluator = evaluator_of(resources, name, spec)
    leaves = jax.tree.leaves(fitted.params)
    without_seeds = evaluator.draws and bool(leaves) and leaves[0].shape[0] == 1  # it still meets every seed's draws
    params = jax.tree.map(lambda leaf: leaf[0], fitted.params) if without_seeds else fitted.params
    # Every policy meets the same draws: the keys do not depend on the policy.
    keys = jax.random.split(jax.random.key(config.seed + 2), config.num_seeds)
    axes = (None if without_seeds else 0, None, 0) if evaluator.draws else (0, None, None)
    measure = jax.jit(jax.vmap(evaluator.measure(fitted.algorithm), axes))
    asks = inference.Asks(config, policy, fitted.algorithm.ask, params)

    def measured(params: Params) -> Measured:
        of_seeds = measure(params, data, keys)
        finite.check_metrics(of_seeds.metrics, policy)
        return of_seeds

    return asks.answers(measured)

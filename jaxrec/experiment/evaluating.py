"""The `evaluate` stage: fitted policies, all seeds, in one environment and several modes."""

from __future__ import annotations

import functools
import operator
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.contracts import Algorithm, Array, Params
from jaxrec.base.records import Interactions, NextItem
from jaxrec.base.specs import Spec
from jaxrec.evaluation import episodes, ranking_metrics, rankings
from jaxrec.experiment import inference
from jaxrec.experiment.artifacts import save_arrays, write_json
from jaxrec.experiment.context import Context
from jaxrec.experiment.problem import rows
from jaxrec.reporting import significance
from jaxrec.reporting.progress import Progress


def catalogue(interactions: Interactions) -> episodes.Catalogue:
    """Popularity in the train rows, and the vectors diversity is measured in: item features, or else who rated what."""
    train = rows(interactions, "train")
    popularity = np.bincount(train.item, minlength=interactions.num_items).astype(np.float32)
    features = interactions.item_features
    vectors = features.get("category", features.get("attributes"))
    if vectors is None:
        vectors = np.zeros((interactions.num_items, interactions.num_users), np.float32)
        vectors[train.item, train.user] = train.feedback
    return episodes.Catalogue(popularity, np.asarray(vectors, np.float32))


def run(context: Context, name: str, progress: Progress) -> dict[str, Any]:
    """Plays stage `name`'s policies; leaves results.json: policy -> metric -> one value per seed."""
    config, results, seconds = context.config.stages[name], {}, {}
    if config.environment in context.config.texts or config.environment in context.config.sequences:
        return measure(context, name, progress)
    environment, env_params = context.environment(config.environment)
    discrete = not context.fitted(config.policies[0]).spec.action_size
    items = catalogue(context.interactions) if discrete else None
    # Every policy meets the same users: the keys do not depend on the policy.
    keys = jax.random.split(jax.random.key(context.config.seed + 2), context.config.num_seeds)
    with progress.bar(name, total=len(config.policies), unit="policy") as bar:
        for policy_name in config.policies:
            fitted = context.fitted(policy_name)
            began = time.monotonic()
            evaluate = episodes.make(
                environment,
                fitted.algorithm.policy,
                modes=config.modes,
                num_envs=config.num_envs,
                num_episodes=config.num_episodes,
                selection=config.selection,
            )
            params = inference.ask(fitted.params, context.config.inference)
            seeds = jax.tree.leaves(params)
            one = bool(seeds) and seeds[0].shape[0] == 1  # a policy without seeds still meets every seed's users
            params = jax.tree.map(lambda leaf: leaf[0], params) if one else params
            play = jax.jit(jax.vmap(evaluate, (None if one else 0, None, None, 0)))
            results[policy_name] = {
                metric: np.asarray(values).tolist() for metric, values in play(params, env_params, items, keys).items()
            }
            seconds[policy_name] = time.monotonic() - began
            bar.done(len(results))
    write_json(context.folder(name).path / "results.json", results)
    return {"seconds": sum(seconds.values()), "seconds_by_policy": seconds}


def measure(context: Context, name: str, progress: Progress) -> dict[str, Any]:
    """Measures stage `name`'s models on its text or sequences; leaves results.json as `run` does, sweeps.json: policy
    -> sweep -> [value, metric -> one number per seed], and of rankings sessions.npz, for `reporting.significance`:
    policy -> metric -> [N], the mean over seeds of what each test session adds."""
    config, results, seconds, swept, sessions = context.config.stages[name], {}, {}, {}, {}
    with progress.bar(name, total=len(config.policies), unit="policy") as bar:
        for policy in config.policies:
            began = time.monotonic()
            (found, each), swept[policy] = _measured(context, config.environment, policy)
            results[policy] = {metric: np.asarray(values).tolist() for metric, values in found.items()}
            sessions[policy] = {metric: np.asarray(values).mean(0) for metric, values in each.items()}
            seconds[policy] = time.monotonic() - began
            bar.done(len(results))
    write_json(context.folder(name).path / "results.json", results)
    write_json(context.folder(name).path / "sweeps.json", {policy: found for policy, found in swept.items() if found})
    if config.environment in context.config.sequences:
        save_arrays(context.folder(name).path / significance.FILE, sessions)
    return {"seconds": sum(seconds.values()), "seconds_by_policy": seconds}


Measured = tuple[Mapping[str, Array], Mapping[str, Array]]  # metric -> scalar, metric -> [N] of each session


def _measured(context: Context, environment: str, policy: str) -> tuple[Measured, dict[str, Any]]:
    """(what one policy is worth, its sweeps), every leaf with an axis of seeds."""
    fitted = context.fitted(policy)
    if environment in context.config.sequences:
        # Sequences measured alike may be learned from otherwise, and then come with what a model needs of that.
        data, spec = context.sequences(context.config.stages[policy].data)
        evaluator = ranks(fitted.algorithm, spec, context.config.sequences[environment])
    else:
        data, _ = context.text(environment)
        evaluator = _without_sessions(fitted.algorithm.evaluator)
    measure_all = jax.jit(jax.vmap(evaluator, (0, None)))
    answer = inference.once(lambda params: measure_all(params, data))
    params = inference.ask(fitted.params, context.config.inference)
    return answer(params), inference.sweep(context.config, policy, params, lambda asked: answer(asked)[0])


def ranks(algorithm: Algorithm, spec: Spec, config: ConfigDict) -> Callable[[Params, NextItem], Measured]:
    """(params, data) -> {"ranking/metric": scalar} over every target of the held-out sequences, and of each one."""
    count = rankings.make(*algorithm.ranker, num_items=spec.num_items, ks=config.ks)

    def evaluator(params: Params, data: NextItem) -> Measured:
        before = data.before or (None,) * len(data.test)
        history = data.train if data.history is None else data.history
        buckets = zip(data.test, data.past, before, strict=True)
        parts = [count(params, rows, past, history, first) for rows, past, first in buckets]
        joined = functools.reduce(operator.add, parts)
        past = config.split == "last_session"
        found = ranking_metrics.summary(joined, ks=config.ks, tail=spec.tail, past=past)
        found = {f"ranking/{metric}": value for metric, value in found.items()}
        return found, ranking_metrics.by_session(joined, ks=config.ks, past=past)

    return evaluator


def _without_sessions(evaluator: Callable[[Params, Any], Mapping[str, Array]]) -> Callable[[Params, Any], Measured]:
    return lambda params, data: (evaluator(params, data), {})

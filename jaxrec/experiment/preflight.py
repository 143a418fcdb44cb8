"""Every mistake that can be seen before anything is trained is reported before anything is trained."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import Spec
from jaxrec.environments import modes
from jaxrec.experiment import fitting, inference, problem
from jaxrec.experiment.context import Context, backbone_stage, check_stages, user_models

KINDS = ("fit", "collect", "evaluate")


def check(context: Context) -> None:
    """Stages and their order, data files, environments, every algorithm's options, every evaluation's modes.

    Raises:
      JaxrecError: the first mistake found.
    """
    config = context.config
    check_stages(config)
    _check_tables(config)
    for name in config.order:
        stage = config.stages[name]
        if stage.kind not in KINDS:
            raise JaxrecError(f"stage {name!r} is of unknown kind {stage.kind!r}; choose one of {', '.join(KINDS)}")
        if stage.kind == "evaluate":
            inference.check(config, name)
        if stage.kind == "fit":
            _check_fit(context, name)
        elif stage.kind == "evaluate" and stage.environment in config.texts:
            _check_measured(context, name)
        elif stage.kind == "evaluate" and stage.environment in config.sequences:
            _check_ranked(context, name)
        elif stage.kind == "evaluate":
            _check_modes(stage, _environment_spec(context, stage.environment))


def _check_tables(config: ConfigDict) -> None:
    """Tables and figures are made from the last evaluation, and a table's leader is one of its rows."""
    evaluations = [name for name in config.order if config.stages[name].kind == "evaluate"]
    played = config.stages[evaluations[-1]].policies if evaluations else ()
    named = {f"tables.{name}": table.rows for name, table in config.tables.items()}
    named |= {f"figures.{name}": (*f.rows, *filter(None, [f.baseline])) for name, f in config.figures.items()}
    for leaf, rows in named.items():
        for row in rows:
            if row not in played:
                raise JaxrecError(
                    f"{leaf} names row {row!r}, which the last evaluation does not play; it has {sorted(played)}"
                )
    for name, table in config.tables.items():
        if any(len(row) != len(table.columns) for row in table.published.values()):
            raise JaxrecError(f"tables.{name}: a published row has not the {len(table.columns)} numbers of its columns")
        if table.leader not in table.rows:
            raise JaxrecError(f"tables.{name}: leader {table.leader!r} is none of its rows {list(table.rows)}")


def _check_fit(context: Context, name: str) -> None:
    stage = context.config.stages[name]
    if stage.num_steps < 0 or stage.steps_per_call < 1:
        raise JaxrecError(f"stage {name!r}: num_steps must be 0 or more, steps_per_call 1 or more")
    try:
        algorithm = _algorithm(context, stage)
        if stage.init_from and algorithm.learner is None:
            raise JaxrecError(f"{stage.algorithm.name} is counted, not trained: it cannot start from init_from")
        if stage.init_from:
            fitting.check_start(algorithm.learner, stage)
        if "params_of" in stage:
            _check_same_params(context, stage, algorithm)
    except JaxrecError as error:
        raise JaxrecError(f"stage {name!r}: {error}") from error


def _algorithm(context: Context, stage: ConfigDict) -> Algorithm:
    spec, config = _fit_spec(context, stage), context.algorithm_config(stage)
    if backbone_stage(context.config, stage) and not (Path(config.backbone) / "config.json").exists():
        config.backbone = ""  # yet to be trained: what does not depend on it is checked now
    return problem.make_algorithm(config, spec)


def _check_same_params(context: Context, stage: ConfigDict, algorithm: Algorithm) -> None:
    other = context.config.stages[stage.params_of]
    if context.num_seeds(other) != context.num_seeds(stage):
        raise JaxrecError(f"{stage.params_of!r}, whose parameters it takes, has another number of seeds")
    learners = algorithm.learner, _algorithm(context, other).learner
    if None in learners:
        raise JaxrecError(f"{stage.params_of!r} leaves no parameters for it: one of the two is counted, not trained")
    mine, theirs = (jax.eval_shape(learner.init, jax.random.key(0)).params for learner in learners)
    if jax.tree.map(jnp.shape, mine) != jax.tree.map(jnp.shape, theirs):
        raise JaxrecError(f"{stage.params_of!r}, whose parameters it takes, is another network; change no sizes")


def _fit_spec(context: Context, stage: ConfigDict) -> Spec:
    """The facts of a fit stage's data before any stage has run."""
    config = context.config
    if stage.data in config.texts or stage.data in config.sequences:
        return context.stage_data(stage)[1]
    if stage.data == "interactions":
        spec = problem.spec_of_interactions(problem.rows(context.interactions, stage.rows))
    else:
        played = stage.data if stage.data in config.environments else config.stages[stage.data].environment
        spec = _environment_spec(context, played)
    if stage.text:
        spec = dataclasses.replace(spec, vocabulary=context.text(stage.text)[1].vocabulary)
    return spec


def _check_measured(context: Context, name: str) -> None:
    for policy in context.config.stages[name].policies:
        if not context.config.stages[policy].algorithm.name.startswith("language."):
            raise JaxrecError(f"stage {name!r}: {policy!r} is no language model, so it is not measured on a text")


def _check_ranked(context: Context, name: str) -> None:
    """Every policy ranks, and learned from the sequences that it is measured on, however cut or joined to learn."""
    stage = context.config.stages[name]
    for policy in stage.policies:
        fitted = context.config.stages[policy]
        if not _measured_alike(context.config.sequences, fitted.data, stage.environment):
            raise JaxrecError(f"stage {name!r}: {policy!r} learns from {fitted.data!r}, not from {stage.environment!r}")
        algorithm = problem.make_algorithm(context.algorithm_config(fitted), _fit_spec(context, fitted))
        if algorithm.ranker is None:
            raise JaxrecError(f"stage {name!r}: {policy!r} is no next-item model, so it ranks no sequences")
    sequences = context.config.sequences[stage.environment]
    ranges.check(f"sequences.{stage.environment}.", sequences, {"ks": ranges.COUNTS})


def _measured_alike(sequences: ConfigDict, learned: str, measured: str) -> bool:
    """Whether two sequences hold the same ones to be measured on: they differ at most in how those to learn from are
    made."""
    if learned not in sequences:
        return False
    one, other = (sequences[name].to_dict() for name in (learned, measured))
    return all(other[leaf] == value for leaf, value in one.items() if leaf not in ("joined", "long", "published"))


def _environment_spec(context: Context, name: str) -> Spec:
    """The environment's facts; those that a user model yet to be trained will decide are taken from the log."""
    config = context.config.environments[name]
    if not user_models(config):
        return problem.spec_of_environment(*context.environment(name))
    log = context.interactions
    bounds = (float(config.reward_low), float(config.reward_high))
    returns = (bounds[0] * config.max_turn, bounds[1] * config.max_turn)
    return Spec(log.num_users, log.num_items, int(config.max_turn), reward_range=bounds, return_range=returns)


def _check_modes(stage: ConfigDict, spec: Spec) -> None:
    where = repr(stage.environment)
    for mode in map(modes.parse, stage.modes):
        steps = mode.max_steps or spec.max_turn
        if mode.no_repeats and spec.action_size:
            raise JaxrecError(f"mode {mode.name} needs items as actions, but those of {where} are continuous; use FB")
        if mode.no_repeats and steps > spec.num_items:
            raise JaxrecError(
                f"mode {mode.name} asks for {steps} different items, but {where} has {spec.num_items}; "
                f"use at most NX_{spec.num_items}"
            )

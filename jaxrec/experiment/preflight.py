"""Every mistake that can be seen before anything is trained is reported before anything is trained."""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.environments import modes
from jaxrec.experiment import problem
from jaxrec.experiment.context import Context, check_stages, user_models
from jaxrec.types import JaxrecError, Spec

KINDS = ("fit", "collect", "evaluate")


def check(context: Context) -> None:
    """Stages and their order, data files, environments, every algorithm's options, every evaluation's modes.

    Raises:
      JaxrecError: the first mistake found.
    """
    config = context.config
    check_stages(config)
    for name in config.order:
        stage = config.stages[name]
        if stage.kind not in KINDS:
            raise JaxrecError(f"stage {name!r} is of unknown kind {stage.kind!r}; choose one of {', '.join(KINDS)}")
        if stage.kind == "fit":
            _check_fit(context, name)
        elif stage.kind == "evaluate":
            _check_modes(stage, _environment_spec(context, stage.environment))


def _check_fit(context: Context, name: str) -> None:
    config, stage = context.config, context.config.stages[name]
    if stage.num_steps < 1 or stage.steps_per_call < 1:
        raise JaxrecError(f"stage {name!r}: num_steps and steps_per_call must be 1 or more")
    if stage.data == "interactions":
        spec = problem.spec_of_interactions(problem.rows(context.interactions, stage.rows))
    else:
        played = stage.data if stage.data in config.environments else config.stages[stage.data].environment
        spec = _environment_spec(context, played)
    try:
        problem.make_algorithm(stage.algorithm, spec)
    except JaxrecError as error:
        raise JaxrecError(f"stage {name!r}: {error}") from error


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

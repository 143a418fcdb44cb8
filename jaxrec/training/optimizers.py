"""Optimizers from a config: one default group, and further groups chosen by regex over parameter paths.

A learning rate follows the steps of the training loop and not the optimizer's own count of updates: PPO makes many
updates in one step of the loop, an actor that is delayed steps at some of them only. So every transformation made here
takes the step as an extra argument, `tx.update(gradients, state, params, step=...)`; `training.learner.from_loss` hands
it over. What an optimizer counts by itself, such as Adam's bias correction, stays its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Array
from jaxrec.base.errors import JaxrecError

_RANGES = {
    "learning_rate": ranges.NOT_NEGATIVE,
    "b1": ranges.BELOW_ONE,
    "b2": ranges.BELOW_ONE,
    "eps": ranges.NOT_NEGATIVE,
    "weight_decay": ranges.NOT_NEGATIVE,
    "clip_norm": ranges.NOT_NEGATIVE,
    "warmup_steps": ranges.WHOLE,
    "decay_steps": ranges.WHOLE,
    "every": ranges.COUNT,
}
_SCALERS: dict[str, Callable[[ConfigDict], optax.GradientTransformation]] = {
    "adam": lambda c: optax.scale_by_adam(b1=c.b1, b2=c.b2, eps=c.eps),
    "rmsprop": lambda c: optax.scale_by_rms(decay=c.b2, eps=c.eps),
    "sgd": lambda c: optax.trace(decay=c.b1),
}


def defaults() -> ConfigDict:
    """AdamW without decay or clipping, constant rate."""
    return ConfigDict(
        {
            "name": "adam",  # adam, rmsprop or sgd (b1 is its momentum)
            "learning_rate": 1e-3,
            "b1": 0.9,
            "b2": 0.999,
            "eps": 1e-8,
            # Decoupled (AdamW), on every parameter of two axes or more that is no bias: kernels, LoRA factors, tables
            # of items, tokens, positions and outputs. Vectors and single numbers keep their size (see `is_decayed`).
            "weight_decay": 0.0,
            "clip_norm": 0.0,  # global gradient norm; 0 = no clipping
            "warmup_steps": 0,  # steps of the loop; the rate rises linearly from 0
            "decay_steps": 0,  # step of the loop at which a cosine has brought the rate to 0; 0 = constant rate
            "every": 1,  # updates until the group steps once, the gradients between dropped: 2 delays TD3's actor
            "groups": ConfigDict(),  # name -> {"pattern": path regex, and any leaf above to override}
        }
    )


def schedule(config: ConfigDict) -> optax.Schedule:
    """Returns (loop step) -> learning rate: linear warm-up, then constant or cosine decay.

    Raises:
      JaxrecError: the decay would end before the warm-up does.
    """
    if config.decay_steps:
        if config.decay_steps <= config.warmup_steps:
            raise JaxrecError(
                f"optimizer.decay_steps {config.decay_steps} must exceed warmup_steps {config.warmup_steps}"
            )
        return optax.warmup_cosine_decay_schedule(
            0.0 if config.warmup_steps else config.learning_rate,
            config.learning_rate,
            config.warmup_steps,
            config.decay_steps,
        )
    if config.warmup_steps:
        return optax.linear_schedule(0.0, config.learning_rate, config.warmup_steps)
    return optax.constant_schedule(config.learning_rate)


def scale_by_loop_schedule(schedule: optax.Schedule) -> optax.GradientTransformationExtraArgs:
    """Multiplies updates by the schedule's value at the loop's step, the extra argument `step` (an int32 scalar).

    `optax.scale_by_schedule` counts its own calls instead.
    """

    def init(params: optax.Params) -> optax.EmptyState:
        del params
        return optax.EmptyState()

    def update(updates: optax.Updates, state: optax.EmptyState, params: Any = None, *, step: Array, **extra: Any):
        del params, extra
        factor = schedule(step)
        return jax.tree.map(lambda u: jnp.asarray(factor, u.dtype) * u, updates), state

    return optax.GradientTransformationExtraArgs(init, update)


def _group(config: ConfigDict) -> optax.GradientTransformationExtraArgs:
    if config.name not in _SCALERS:
        raise JaxrecError(f"optimizer.name {config.name!r} is unknown; choose one of {sorted(_SCALERS)}")
    ranges.check("optimizer.", config, _RANGES)
    parts = [_SCALERS[config.name](config)]
    if config.weight_decay:
        parts.append(optax.add_decayed_weights(config.weight_decay, mask=_decayed))
    rate = schedule(config)
    descent = optax.chain(*parts, scale_by_loop_schedule(lambda step: -rate(step)))
    if config.every == 1:
        return descent
    return optax.conditionally_mask(descent, lambda update: (update + 1) % config.every == 0)


def _decayed(params: Mapping[str, Array]) -> dict[str, bool]:
    return {path: is_decayed(path, param) for path, param in params.items()}


def is_decayed(path: str, param: Array) -> bool:
    """Returns whether weight decay shrinks a parameter: it has two axes or more, and it is neither a bias nor a norm's
    scale.

    Networks that are stacked in one parameter (two critics, the members of an ensemble) have an axis in front, so that
    a stack of biases has two axes; hence the names `bias` and `scale`. Any other stack of vectors counts as a table,
    such as DeepFM's weights of users [members, N]. The axis of seeds does not count: an optimizer sees the parameters
    of one seed.

    Args:
      path: 'role/.../name'. param: an array, or its shape and dtype.
    """
    return param.ndim >= 2 and path.rsplit("/", 1)[-1] not in ("bias", "scale")


def labels(patterns: Mapping[str, str], params: Mapping[str, object]) -> dict[str, str]:
    """Returns path -> name of its group; the first pattern that matches at the start of the path wins.

    Args:
      patterns: name of a group -> regex.
      params: keyed by path.

    Raises:
      JaxrecError: a parameter no pattern covers, or a pattern that covers nothing.
    """
    chosen = {path: next((g for g, p in patterns.items() if re.match(p, path)), None) for path in params}
    uncovered = [path for path, group in chosen.items() if group is None]
    if uncovered:
        raise JaxrecError(f"no optimizer group covers parameter {uncovered[0]!r} (and {len(uncovered) - 1} more)")
    idle = [f"{g} ({p})" for g, p in patterns.items() if g not in chosen.values()]
    if idle:
        raise JaxrecError(f"optimizer group {idle[0]} covers no parameter; the paths start like {sorted(params)[:3]}")
    return chosen


def make(config: ConfigDict) -> optax.GradientTransformationExtraArgs:
    """Makes the transformation that a config describes, over a flat dict keyed by parameter path.

    With groups, every parameter must be covered by some group's pattern; where several do, the group whose name comes
    first in the alphabet has it (a ConfigDict is sorted). A leaf that a group does not set comes from the top of the
    config. `update` needs the extra argument `step`, the number of the loop's step.

    Raises:
      JaxrecError: an unknown optimizer or a number out of its range; at `init`, groups that do not fit the parameters.
    """
    groups = config.get("groups", {})
    if groups:
        parts, patterns = {}, {}
        for name, overrides in groups.items():
            merged = config.copy_and_resolve_references()
            merged.update({leaf: value for leaf, value in overrides.items() if leaf != "pattern"})
            parts[name], patterns[name] = _group(merged), overrides["pattern"]
        update = optax.multi_transform(parts, lambda params: labels(patterns, params))
    else:
        update = _group(config)
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), update) if config.clip_norm else update


class RestartedState(NamedTuple):
    """`last_step` is the loop's step of the update before, -1 at first; `inner` the restarted optimizer's state."""

    last_step: Array
    inner: optax.OptState


def restarted(tx: optax.GradientTransformation, at: int, factor: float) -> optax.GradientTransformationExtraArgs:
    """Makes an optimizer that is `tx` up to step `at` of the loop, and from there a fresh `tx` of `factor` times the
    updates, whose schedules start over."""
    tx = optax.with_extra_args_support(tx)

    def init(params: optax.Params) -> RestartedState:
        return RestartedState(jnp.full((), -1, jnp.int32), tx.init(params))

    def update(gradients: optax.Updates, state: RestartedState, params: Any = None, *, step: Array, **extra: Any):
        # By the step before, not by `step == at`: a repeated learner makes several updates in one step.
        now = (state.last_step < at) & (step >= at)
        inner = jax.tree.map(lambda fresh, held: jnp.where(now, fresh, held), tx.init(params), state.inner)
        own_step = jnp.where(step < at, step, step - at)
        updates, inner = tx.update(gradients, inner, params, step=own_step, **extra)
        scaled = jax.tree.map(lambda u: u * jnp.where(step < at, 1.0, factor), updates)
        return scaled, RestartedState(jnp.asarray(step, jnp.int32), inner)

    return optax.GradientTransformationExtraArgs(init, update)

"""Optimizers from a config: one default group, and further groups chosen by regex over parameter paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from jaxrec.base import ranges
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
            "weight_decay": 0.0,  # decoupled (AdamW), on matrices only: biases and norms have no scale to decay
            "clip_norm": 0.0,  # global gradient norm; 0 = no clipping
            "warmup_steps": 0,  # linear from 0
            "decay_steps": 0,  # cosine to 0 at this step; 0 = constant
            "every": 1,  # updates per step taken (those between are dropped): 2 delays TD3's actor
            "groups": ConfigDict(),  # name -> {"pattern": path regex, and any leaf above to override}
        }
    )


def schedule(config: ConfigDict) -> optax.Schedule:
    """step -> learning rate: linear warm-up, then constant or cosine decay."""
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


def _group(config: ConfigDict) -> optax.GradientTransformation:
    if config.name not in _SCALERS:
        raise JaxrecError(f"optimizer.name {config.name!r} is unknown; choose one of {sorted(_SCALERS)}")
    ranges.check("optimizer.", config, _RANGES)
    steps = [_SCALERS[config.name](config)]
    if config.weight_decay:
        steps.append(optax.add_decayed_weights(config.weight_decay, mask=_matrices))
    taken = optax.chain(*steps, optax.scale_by_learning_rate(schedule(config)))
    if config.every == 1:
        return taken
    return optax.conditionally_mask(taken, lambda update: (update + 1) % config.every == 0)


def _matrices(params: Mapping[str, object]) -> dict[str, bool]:
    return {path: path.rsplit("/", 1)[-1] in ("kernel", "embedding") for path in params}


def labels(patterns: Mapping[str, str], params: Mapping[str, object]) -> dict[str, str]:
    """path -> group; the first pattern that matches at the start of the path wins.

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


def make(config: ConfigDict) -> optax.GradientTransformation:
    """The transformation a config describes, over a flat dict keyed by parameter path.

    With groups, every parameter must be covered by some group's pattern; leaves a group does not set come from the top.
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


def restarted(tx: optax.GradientTransformation, at: int, factor: float) -> optax.GradientTransformation:
    """`tx`, which at update `at` forgets what it has seen, its schedule starting over, and from there on takes `factor`
    times its steps."""

    def init(params):
        return jnp.zeros((), jnp.int32), tx.init(params)

    def update(gradients, state, params):
        step, inner = state
        inner = jax.tree.map(lambda fresh, had: jnp.where(step == at, fresh, had), tx.init(params), inner)
        updates, inner = tx.update(gradients, inner, params)
        return jax.tree.map(lambda u: u * jnp.where(step < at, 1.0, factor), updates), (step + 1, inner)

    return optax.GradientTransformation(init, update)

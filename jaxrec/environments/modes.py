"""Ways to evaluate the same environment (M 4.1): FB, NX_0 and NX_k.

FB: repeats allowed, users may leave. NX_0: no repeats, users may leave. NX_k: no repeats, no one leaves, k steps.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import EnvironmentSpec


class Mode(NamedTuple):
    name: str
    no_repeats: bool
    exits: bool
    max_steps: int | None  # None: the environment's own limit


def parse(name: str) -> Mode:
    """'FB', 'NX_0', 'NX_10', ... -> Mode. Raises JaxrecError otherwise."""
    if name == "FB":
        return Mode(name, no_repeats=False, exits=True, max_steps=None)
    match = re.fullmatch(r"NX_(\d+)", name)
    if match is None:
        raise JaxrecError(f"evaluation mode {name!r} is unknown; use FB, NX_0 or NX_k, k being the steps (NX_10)")
    steps = int(match.group(1))
    return Mode(name, no_repeats=True, exits=steps == 0, max_steps=steps or None)


def max_steps(env: Any, env_params: Any) -> int:
    """The time limit as a Python int, as a scan's length must be; where it is traced, the one `env` was made with."""
    try:
        return int(env_params.max_steps_in_episode)
    except TypeError:
        return int(env.default_params.max_steps_in_episode)


def check(mode: Mode, spec: EnvironmentSpec) -> None:
    """Raises JaxrecError where an environment of these facts has not the items that the mode needs."""
    _check_items(mode, mode.max_steps or spec.max_turn, None if spec.action_size else spec.num_items)


def apply(mode: Mode, env: Any, env_params: Any) -> Any:
    """The environment's params in this mode. Raises JaxrecError where the mode cannot be held there."""
    discrete = hasattr(env.action_space(env_params), "n")
    _check_items(mode, mode.max_steps or max_steps(env, env_params), env.num_actions if discrete else None)
    if not mode.exits:
        if not hasattr(env_params, "exits"):
            raise JaxrecError(f"{mode.name} keeps users from leaving, which {env.name} has no switch for; use FB")
        env_params = env_params.replace(exits=jnp.zeros_like(env_params.exits))
    return env_params if mode.max_steps is None else with_limit(env_params, mode.max_steps)


def with_limit(env_params: Any, steps: int) -> Any:
    """The params with another time limit, of the type it had."""
    limit = env_params.max_steps_in_episode
    return env_params.replace(max_steps_in_episode=steps if isinstance(limit, int) else jnp.full_like(limit, steps))


def _check_items(mode: Mode, steps: int, num_items: int | None) -> None:
    """`num_items` is None where actions are continuous."""
    if not mode.no_repeats:
        return
    if num_items is None:
        raise JaxrecError(f"mode {mode.name} needs items as actions, but those here are continuous; use FB")
    if steps > num_items:
        raise JaxrecError(
            f"mode {mode.name} asks for {steps} different items, but there are {num_items}; use at most "
            f"NX_{num_items}, or lower max_turn"
        )

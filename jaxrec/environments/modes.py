"""The evaluation modes of M 4.1, in which one environment is played: FB, NX_0 and NX_k.

In FB items may repeat and users may leave. In NX_0 no item repeats and users may leave. In NX_k no item repeats, nobody
leaves, and an episode has k turns. The item that an episode starts with is not recommended, so it may still be. In
EasyRL4Rec it may be at the first turn alone: so it is here where `forbid_start` is asked for.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxrec.base.contracts import Environment, Policy
from jaxrec.base.errors import JaxrecError
from jaxrec.base.specs import EnvironmentSpec


class Mode(NamedTuple):
    """An evaluation mode (M 4.1).

    Attributes:
      no_repeats: whether an item is recommended once at most. exits: whether users may leave.
      max_steps: turns of an episode; None: the environment's own time limit.
    """

    name: str
    no_repeats: bool
    exits: bool
    max_steps: int | None


def is_name(name: Any) -> bool:
    """Returns whether `parse` reads it."""
    return isinstance(name, str) and re.fullmatch(r"FB|NX_\d+", name) is not None


def parse(name: str) -> Mode:
    """Reads a mode's name, 'FB', 'NX_0', 'NX_10', ...; raises JaxrecError for any other."""
    if name == "FB":
        return Mode(name, no_repeats=False, exits=True, max_steps=None)
    match = re.fullmatch(r"NX_(\d+)", str(name))
    if match is None:
        raise JaxrecError(f"evaluation mode {name!r} is unknown; use FB, NX_0 or NX_k, k being the steps (NX_10)")
    steps = int(match.group(1))
    return Mode(name, no_repeats=True, exits=steps == 0, max_steps=steps or None)


def max_steps(env: Environment, env_params: Any) -> int:
    """Returns the time limit of an episode as a Python int, which the length of a scan must be.

    Under `jit` or `vmap` the limit in `env_params` may have no value yet; then it is the one that `env` was made with.
    """
    try:
        return int(env_params.max_steps_in_episode)
    except TypeError:
        return int(env.default_params.max_steps_in_episode)


def check_catalogue(mode: Mode, spec: EnvironmentSpec, forbid_start: bool = False) -> None:
    """Raises JaxrecError where an environment of these facts has too few items for the mode, or none.

    Args:
      forbid_start: whether the starting item cannot be recommended after the first turn.
    """
    steps = (mode.max_steps or spec.max_turn) + forbid_start
    _check_num_items(mode, steps, None if spec.action_size else spec.num_items)


def check_turns(policy: Policy, name: str, turns: int) -> None:
    """Checks that a policy tells all turns of an episode apart.

    Args:
      name: of the policy, for the message. turns: of the longest episode.

    Raises:
      JaxrecError: episodes are longer than the policy's `max_turn`.
    """
    if policy.max_turn is not None and turns > policy.max_turn:
        raise JaxrecError(
            f"{name!r} learned from episodes of up to {policy.max_turn} turns and cannot tell later turns apart, but "
            f"those here have up to {turns}; set max_turn (or k of NX_k) to {policy.max_turn} at most, or let it learn "
            "from longer episodes"
        )


def apply(mode: Mode, env: Environment, env_params: Any, forbid_start: bool = False) -> Any:
    """Returns the environment's params in this mode.

    Args:
      forbid_start: as of `check_catalogue`.

    Raises:
      JaxrecError: the environment has too few items for the mode, or no switch that keeps its users.
    """
    num_items = env.num_actions if env.has_item_actions else None
    _check_num_items(mode, (mode.max_steps or max_steps(env, env_params)) + forbid_start, num_items)
    if not mode.exits:
        if not env.has_exit_switch:
            raise JaxrecError(f"{mode.name} keeps users from leaving, which {env.name} has no switch for; use FB")
        env_params = env_params.replace(exits=jnp.zeros_like(env_params.exits))
    return env_params if mode.max_steps is None else with_limit(env_params, mode.max_steps)


def with_limit(env_params: Any, steps: int) -> Any:
    """Returns the params with another time limit, of the type that the limit had."""
    limit = env_params.max_steps_in_episode
    return env_params.replace(max_steps_in_episode=steps if isinstance(limit, int) else jnp.full_like(limit, steps))


def _check_num_items(mode: Mode, steps: int, num_items: int | None) -> None:
    """Raises JaxrecError where a mode without repeats needs more than `num_items` items, None being no items."""
    if not mode.no_repeats:
        return
    if num_items is None:
        raise JaxrecError(f"mode {mode.name} needs items as actions, but those here are continuous; use FB")
    if steps > num_items:
        raise JaxrecError(
            f"mode {mode.name} asks for {steps} different items, but there are {num_items}; use an NX_k of fewer "
            "turns, or lower max_turn"
        )

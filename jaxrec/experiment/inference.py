"""What is asked of fitted policies at evaluation: config.inference and config.sweeps, which no fit depends on.

A policy that can be asked holds scalars in its parameters' role `inference`. They stand still in training and are set
here, so that another question needs neither training nor another program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Params
from jaxrec.base.errors import JaxrecError

ROLE = "inference"
_SWEPT = {
    "at": ranges.list_of(ranges.FINITE, "one or more finite numbers"),
    "policies": ranges.list_of(ranges.Range("a name", bool), "the names of one or more policies"),
}
Metrics = Mapping[str, Any]


def ask(params: Params, wanted: Mapping[str, float]) -> Params:
    """The parameters with those of the wanted options that they have set anew."""
    if not isinstance(params, Mapping) or ROLE not in params:
        return params
    own = params[ROLE]
    return params | {ROLE: own | {o: jnp.full_like(own[o], value) for o, value in wanted.items() if o in own}}


def once(measure: Callable[[Params], Any]) -> Callable[[Params], Any]:
    """The same function of parameters that differ in what is asked alone; the same question is measured once."""
    known: dict[tuple[float, ...], Any] = {}

    def answer(params: Params) -> Any:
        asked = params.get(ROLE, {}) if isinstance(params, Mapping) else {}
        question = tuple(float(np.ravel(asked[option])[0]) for option in sorted(asked))
        if question not in known:
            known[question] = measure(params)
        return known[question]

    return answer


def notes(config: ConfigDict, policies: Sequence[str]) -> list[str]:
    """In words, what is asked of which policies that is not their stages' own."""
    found: dict[str, list[str]] = {}
    for option, asked in config.inference.items():
        for policy in policies:
            own = config.stages[policy].algorithm.get(ROLE, {}).get(option, asked)
            if own != asked:
                found.setdefault(f"{option} {asked:g} (by default {own:g})", []).append(policy)
    return [f"Asked at ranking: {what}, of {', '.join(rows)}." for what, rows in found.items()]


def sweep(
    config: ConfigDict, policy: str, params: Params, measure: Callable[[Params], Metrics]
) -> dict[str, list[tuple[float, dict[str, list[float]]]]]:
    """Sweep -> [(value, metric -> [S])] of the sweeps that a policy is in, the value that config.inference asks for
    among them."""
    found = {}
    for name, wanted in config.sweeps.items():
        if policy in wanted.policies:
            values = sorted({*map(float, wanted.at), *_now(config, wanted.option)})
            measured = [(value, measure(ask(params, {wanted.option: value}))) for value in values]
            found[name] = [(v, {m: np.asarray(x).tolist() for m, x in metrics.items()}) for v, metrics in measured]
    return found


def _now(config: ConfigDict, option: str) -> list[float]:
    return [float(config.inference[option])] if option in config.inference else []


def check(config: ConfigDict, name: str) -> None:
    """Every option that is asked for at evaluation stage `name` is one of a policy there, and finite.

    Raises:
      JaxrecError: it is not, or a sweep has no values, or names no policy, or one that is not evaluated or has no such
        option.
    """
    policies = config.stages[name].policies
    known = {policy: set(config.stages[policy].algorithm.get(ROLE, ())) for policy in policies}
    every = sorted(set().union(*known.values()))
    for option in config.inference:
        if option not in every:
            raise JaxrecError(f"inference.{option} is asked of no policy of stage {name!r}; theirs are {every}")
    ranges.check("inference.", config.inference, dict.fromkeys(config.inference, ranges.FINITE))
    for sweep_name, wanted in config.sweeps.items():
        ranges.check(f"sweeps.{sweep_name}.", wanted, _SWEPT)
        for policy in wanted.policies:
            if wanted.option not in known.get(policy, ()):
                raise JaxrecError(
                    f"sweeps.{sweep_name} asks {policy!r} for {wanted.option!r}; in stage {name!r} such policies are "
                    f"{sorted(p for p, options in known.items() if wanted.option in options)}"
                )

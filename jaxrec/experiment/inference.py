"""What is asked of fitted policies at evaluation: config.inference and config.sweeps, which no fit depends on.

A policy that can be asked has `Algorithm.ask`; the options it answers to, with what they are by default, stand under
`inference` in its config. Another question needs neither training nor another program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.contracts import Measured, Params
from jaxrec.base.errors import JaxrecError

Curve = list[tuple[float, dict[str, list[float]]]]


def options_of(config: ConfigDict, policy: str) -> dict[str, float]:
    """Option -> what a policy takes by default, of those that may be asked anew."""
    return {option: float(value) for option, value in config.stages[policy].algorithm.get("inference", {}).items()}


class Asks:
    """The questions that an experiment asks of one policy."""

    def __init__(
        self,
        config: ConfigDict,
        policy: str,
        ask: Callable[[Params, Mapping[str, float]], Params] | None,
        params: Params,
    ):
        self._config, self._policy, self._ask, self._params = config, policy, ask, params
        own = options_of(config, policy)
        self._asked = own | {option: float(v) for option, v in config.inference.items() if option in own}

    def answers(self, measure: Callable[[Params], Measured]) -> tuple[Measured, dict[str, Curve]]:
        """(what the policy is worth as asked, sweep -> [(value, metric -> [S])]); no question is measured twice.

        The value that config.inference asks for is among those of a sweep.
        """
        known: dict[tuple[float, ...], Measured] = {}

        def answer(asked: Mapping[str, float]) -> Measured:
            question = tuple(asked[option] for option in sorted(asked))
            if question not in known:
                known[question] = measure(self._ask(self._params, asked) if self._ask else self._params)
            return known[question]

        now, curves = answer(self._asked), {}
        for name, wanted in self._config.sweeps.items():
            if self._policy in wanted.policies:
                values = sorted({*map(float, wanted.at), *self._value_asked(wanted.option)})
                curves[name] = [(v, _plain(answer(self._asked | {wanted.option: v}))) for v in values]
        return now, curves

    def _value_asked(self, option: str) -> list[float]:
        return [float(self._config.inference[option])] if option in self._config.inference else []


def _plain(measured: Measured) -> dict[str, list[float]]:
    return {metric: np.asarray(values).tolist() for metric, values in measured.metrics.items()}


def notes(config: ConfigDict, policies: Sequence[str]) -> list[str]:
    """In words, what is asked of which policies that is not their stages' own."""
    found: dict[str, list[str]] = {}
    for option, asked in config.inference.items():
        for policy in policies:
            own = options_of(config, policy).get(option, asked)
            if own != asked:
                found.setdefault(f"{option} {asked:g} (by default {own:g})", []).append(policy)
    return [f"Asked at ranking: {what}, of {', '.join(rows)}." for what, rows in found.items()]


def check(config: ConfigDict, name: str) -> None:
    """Every option that is asked for at evaluation stage `name` is one of a policy there.

    Raises:
      JaxrecError: it is not, or a sweep names a policy that is not evaluated or has no such option.
    """
    policies = config.stages[name].policies
    known: dict[str, Any] = {policy: set(config.stages[policy].algorithm.get("inference", ())) for policy in policies}
    every = sorted(set().union(*known.values()))
    for option in config.inference:
        if option not in every:
            raise JaxrecError(f"inference.{option} is asked of no policy of stage {name!r}; theirs are {every}")
    for sweep_name, wanted in config.sweeps.items():
        for policy in wanted.policies:
            if wanted.option not in known.get(policy, ()):
                raise JaxrecError(
                    f"sweeps.{sweep_name} asks {policy!r} for {wanted.option!r}; in stage {name!r} such policies are "
                    f"{sorted(p for p, options in known.items() if wanted.option in options)}"
                )

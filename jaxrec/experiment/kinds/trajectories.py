"""Logged episodes, which a collect stage leaves."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.records import Observation, Trajectories
from jaxrec.base.specs import EnvironmentSpec, TrajectoriesSpec
from jaxrec.experiment.kinds import Content, Dataset
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import load_arrays
from jaxrec.losses.returns_to_go import returns_to_go

EVALUATORS: tuple[str, ...] = ()
BESIDE = None
ORIGIN = "trained on the log `{}` alone"
FILE = "trajectories.npz"


def inputs(config: ConfigDict, name: str) -> tuple[str, ...]:
    return (name,)


def load(resources: Resources, name: str) -> Dataset:
    """`Trajectories`; the spec knows the logged returns."""
    leaf = np.zeros(0)
    record = Trajectories(Observation(leaf, leaf, leaf, leaf, leaf), leaf, leaf, leaf)
    trajectories = load_arrays(resources.artifact(name) / FILE, record)
    played = resources.dataset(resources.config.stages[name].on).spec
    return Dataset(trajectories, _trajectories_spec(played, **return_facts(trajectories)))


def _trajectories_spec(played: EnvironmentSpec, **changes: Any) -> TrajectoriesSpec:
    facts = {field.name: getattr(played, field.name) for field in dataclasses.fields(played)}
    return TrajectoriesSpec(**facts | changes)


def return_facts(trajectories: Trajectories) -> dict[str, tuple[float, ...]]:
    """The spec's fields of logged returns: the range of the returns-to-go, and the deciles of episodes' returns."""
    returns = returns_to_go(trajectories.reward, trajectories.mask, xp=np)
    known = returns[trajectories.mask]
    deciles = np.quantile(returns[trajectories.mask[:, 0], 0], np.linspace(0.0, 1.0, 11))
    return {"return_range": (float(known.min()), float(known.max())), "episode_returns": tuple(map(float, deciles))}


def spec(resources: Resources, name: str) -> TrajectoriesSpec:
    """Before the episodes are logged, the facts of the environment."""
    return _trajectories_spec(resources.spec(resources.config.stages[name].on))


def content(resources: Resources, name: str) -> Content:
    made = resources.stage_fingerprint(name)
    return Content(made, made)


def facts(resources: Resources, name: str) -> list[str]:
    """What kinds of episodes were logged, and what they earned."""
    parts = [
        f"{k['episodes']} {kind} (a step random with probability {k['random_step_probability']}; mean return "
        f"{k['mean_return']:.4g} over {k['mean_length']:.3g} steps)"
        for kind, k in resources.folder(name).about()["kinds"].items()
    ]
    return [f"Behaviour log `{name}`: episodes {', '.join(parts)}."]

"""Simulated users: what online algorithms learn in, logs are collected in, and policies are played in."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import registry
from jaxrec.base.records import Interactions
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.config.declare import options_of
from jaxrec.environments import spec as specs
from jaxrec.evaluation.episode_metrics import Catalogue
from jaxrec.experiment.kinds import Content, Counted, Dataset
from jaxrec.experiment.kinds.ratings import events_of
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import fingerprint

EVALUATORS = ("episodes",)
BESIDE = None
ORIGIN = "trained online in environment `{}`"
_WHOSE_EPISODES = ("name", "world", "users", "split", "folder")  # the options by which an environment has its users


def _module(name: str) -> ModuleType:
    return registry.resolve("jaxrec.environments", name, "def make(", "environment")


def options(name: str, *, user_model: Any = "", **overrides: Any) -> ConfigDict:
    """The options of environments/<name>.py.

    Args:
      user_model: the annotations (a transform stage) that fill the missing ratings: a user model's `user_factors` and
        `item_factors`, or its `ratings`; '' for none, {split: stage} where the ratings of more than one split are
        needed.
      overrides: of the environment's options.
    """
    config = options_of(_module(name), name, overrides)
    with config.unlocked():
        config.user_model = ConfigDict(user_model) if isinstance(user_model, dict) else user_model
    return config


def user_models(config: ConfigDict) -> dict[str, str]:
    """Split -> annotations of an environment's user models; the split is '' where there is one model for its own."""
    named = config.user_model
    return dict(named) if isinstance(named, ConfigDict) else {"": named} if named else {}


def inputs(config: ConfigDict, name: str) -> tuple[str, ...]:
    return tuple(user_models(config.datasets[name]).values())


def load(resources: Resources, name: str) -> Dataset:
    """The environment's params; the environment itself is `spec.environment`."""
    config = resources.config.datasets[name]
    models = {split: _predictions(resources.dataset(stage).data) for split, stage in user_models(config).items()}
    root, log = resources.config.data.root, _log(resources)
    environment, params = _module(config.name).make(
        config,
        interactions=log,
        user_model=models.get("", models) or None,
        root=Path(root) if root else None,
    )
    return Dataset(params, specs.of(environment, params, None if log is None else log.item_ids))


def _log(resources: Resources) -> Interactions | None:
    """Simulators that bring their own world neither need nor can use a log."""
    return resources.log if resources.config.data.name else None


def _predictions(annotations: dict[str, np.ndarray]) -> Any:
    """What a user model says of every pair: its (user, item) factors, or a function of users [n] to ratings [n, A]."""
    if "ratings" in annotations:
        return lambda users: annotations["ratings"][users]
    return annotations["user_factors"], annotations["item_factors"]


def spec(resources: Resources, name: str) -> EnvironmentSpec:
    """The environment's facts; those that a user model yet to be fitted will decide come from its options."""
    config = resources.config.datasets[name]
    if not user_models(config):
        return resources.dataset(name).spec
    return _module(config.name).expected_spec(config, resources.log)


def content(resources: Resources, name: str) -> Content:
    config, params = resources.config.datasets[name].to_dict(), resources.dataset(name).data
    log = _log(resources)
    ids = () if log is None else (log.user_ids, log.item_ids)
    learned = fingerprint({leaf: value for leaf, value in config.items() if leaf != "user_model"}, params, *ids)
    return Content(learned, learned if log is None else fingerprint(learned, catalogue(log)))


def check_policy(config: ConfigDict, name: str, policy: str) -> None:
    """What a policy acts by is known when its algorithm is made."""
    del config, name, policy


def measures_alike(one: ConfigDict, other: ConfigDict) -> bool:
    return all(one.get(leaf) == other.get(leaf) for leaf in _WHOSE_EPISODES)


def measured(resources: Resources, name: str, policy: str) -> Dataset:
    """(params, what the metrics of lists must know of the items, None where actions are no items)."""
    del policy
    params, facts = resources.dataset(name)
    items = None if facts.action_size else resources.once("catalogue", lambda: catalogue(resources.log))
    return Dataset((params, items), facts)


def catalogue(interactions: Interactions) -> Catalogue:
    """What coverage, diversity and novelty must know of the items of a log.

    Popularity counts train events. Items are alike by their features `category` or `attributes`; where the log has
    neither, by their columns of train ratings, so that two items are alike if the same users rated them alike.
    """
    train = events_of(interactions, "train")
    popularity = np.bincount(train.item, minlength=interactions.num_items).astype(np.float32)
    features = interactions.item_features
    vectors = features.get("category", features.get("attributes"))
    if vectors is None:
        vectors = np.zeros((interactions.num_items, interactions.num_users), np.float32)
        vectors[train.item, train.user] = train.feedback
    return Catalogue(popularity, np.asarray(vectors, np.float32))


def counted(resources: Resources, name: str) -> Counted:
    """The log, where one is configured, and what the environment says of its items."""
    params, facts = resources.dataset(name)
    of_items = jax.tree.map(np.asarray, facts.environment.item_facts(params))
    log = _log(resources)
    if log is None:
        return Counted(None, of_items)
    of_log = resources.once("log content", lambda: fingerprint(log.user, log.item, log.feedback, log.split))
    return Counted(log, of_items, {"log": of_log})


def facts(resources: Resources, name: str) -> list[str]:
    del resources, name
    return []

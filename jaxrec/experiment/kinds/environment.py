"""Simulated users: what online algorithms learn in, logs are collected in, and policies are played in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxrec.base import ranges, registry
from jaxrec.base.errors import prefixed
from jaxrec.base.records import TEST, Interactions
from jaxrec.base.specs import EnvironmentSpec
from jaxrec.config.declare import options_of
from jaxrec.data import filters
from jaxrec.data import popularity as popularities
from jaxrec.data.popularity import item_popularity
from jaxrec.environments import similarity as similarities
from jaxrec.environments import spec as specs
from jaxrec.evaluation import easyrl4rec_metrics
from jaxrec.evaluation.episode_metrics import Catalogue
from jaxrec.experiment.kinds import Content, Counted, Dataset
from jaxrec.experiment.kinds.ratings import events_of
from jaxrec.experiment.resources import Resources
from jaxrec.experiment.store import fingerprint

EVALUATORS = ("episodes",)
BESIDE = None
ORIGIN = "trained online in environment `{}`"
_MEASURED = ("popularity", "similarity", "liked_from")  # options that say what is measured, and nothing of the users
_CONTENT_ALONE = ("user_model", "exit_distances")  # options that name what the params already hold
_WHOSE_EPISODES = ("name", "world", "users", "split", "folder")  # the options by which an environment has its users


def _module(name: str) -> ModuleType:
    return registry.resolve("jaxrec.environments", name, "def make(", "environment")


def options(
    name: str,
    *,
    user_model: Any = "",
    popularity: str = "events",
    similarity: str = "",
    liked_from: float | None = None,
    **overrides: Any,
) -> ConfigDict:
    """The options of environments/<name>.py.

    Args:
      user_model: the annotations (a transform stage) that fill the missing ratings: a user model's `user_factors` and
        `item_factors`, or its `ratings`; '' for none, {split: stage} where the ratings of more than one split are
        needed.
      popularity: what novelty counts of an item among the train events, 'events' or 'users'.
      similarity: 'distance' or 'category' (`environments.similarity`) adds EasyRL4Rec's diversity and novelty and its
        CV_turn to what episodes are measured by (`evaluation.easyrl4rec_metrics`); '' adds nothing.
      liked_from: the least feedback of a train event that counts in that novelty; None counts all.
      overrides: of the environment's options.
    """
    config = options_of(_module(name), name, overrides)
    with config.unlocked():
        config.popularity = popularity
        config.user_model = ConfigDict(user_model) if isinstance(user_model, dict) else user_model
        config.similarity = similarity
        config.liked_from = placeholder(float)
        config.liked_from = liked_from
    return config


def ranges_of(options: ConfigDict) -> Mapping[str, ranges.Range]:
    with prefixed("name: "):
        module = _module(options.name)
    return {
        "name": ranges.TEXT,
        "user_model": ranges.TEXT,
        "user_model.*": ranges.TEXT,
        "popularity": ranges.choice(*popularities.COUNTED),
        "similarity": ranges.choice("", *similarities.KINDS),
        "liked_from": ranges.or_none(ranges.FINITE),
        **module.RANGES,
    }


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
    root, log = resources.config.data.root, resources.log if resources.config.data.name else None
    environment, params = _module(config.name).make(
        config,
        interactions=log,
        user_model=models.get("", models) or None,
        root=Path(root) if root else None,
    )
    return Dataset(params, specs.of(environment, params, None if log is None else log_of(resources, name).item_ids))


def log_of(resources: Resources, name: str) -> Interactions | None:
    """The log's events on the items of an environment, numbered as there; None where there is no log: simulators that
    bring their own world neither need nor can use one."""
    if not resources.config.data.name:
        return None
    log = resources.log
    if resources.config.datasets[name].get("episodes_of", "all") == "all":
        return log
    _, items = filters.users_and_items_of(log, TEST)
    return resources.once("log of test items", lambda: filters.with_items(log, items))


def _predictions(annotations: dict[str, np.ndarray]) -> Any:
    """What a user model says of every pair: its (user, item) factors, or a function of users [n] to ratings [n, A]."""
    if "ratings" in annotations:
        return lambda users: annotations["ratings"][users]
    return annotations["user_factors"], annotations["item_factors"]


def spec(resources: Resources, name: str) -> EnvironmentSpec:
    """The environment's facts; those that a user model yet to be fitted will decide come from its options."""
    config = resources.config.datasets[name]
    if not user_models(config):
        if config.similarity:
            similarities.of(item_facts(resources, name), config.similarity)  # refuses what the environment lacks
        return resources.dataset(name).spec
    return _module(config.name).expected_spec(config, resources.log)


def content(resources: Resources, name: str) -> Content:
    config, params = resources.config.datasets[name].to_dict(), resources.dataset(name).data
    log = log_of(resources, name)
    ids = () if log is None else (log.user_ids, log.item_ids)
    left_out = (*_MEASURED, *_CONTENT_ALONE)
    learned = fingerprint({leaf: value for leaf, value in config.items() if leaf not in left_out}, params, *ids)
    if log is None:
        return Content(learned, learned)
    train = events_of(log, "train")
    events = (train.user, train.item, train.feedback, _features(log))
    return Content(learned, fingerprint(learned, *events, {leaf: config[leaf] for leaf in _MEASURED}))


def check_policy(config: ConfigDict, name: str, policy: str) -> None:
    """What a policy acts by is known when its algorithm is made."""
    del config, name, policy


def measures_alike(one: ConfigDict, other: ConfigDict) -> bool:
    return all(one.get(leaf) == other.get(leaf) for leaf in _WHOSE_EPISODES)


def measured(resources: Resources, name: str, policy: str) -> Dataset:
    """(params, what the metrics of lists must know of the items, None where actions are no items)."""
    del policy
    params, facts = resources.dataset(name)
    items = None if facts.action_size else resources.once(("catalogue", name), lambda: _catalogue(resources, name))
    return Dataset((params, items), facts)


def _catalogue(resources: Resources, name: str) -> Catalogue:
    """What the metrics of lists must know of the items of an environment."""
    log, counted = log_of(resources, name), resources.config.datasets[name].popularity
    vectors = item_facts(resources, name).get("rating_vectors") if _features(log) is None else None
    return catalogue(log, counted, rating_vectors=vectors, easyrl4rec=_easyrl4rec(resources, name, log))


def catalogue(
    interactions: Interactions,
    counted: str = "events",
    *,
    rating_vectors: np.ndarray | None = None,
    easyrl4rec: easyrl4rec_metrics.Items | None = None,
) -> Catalogue:
    """What coverage, diversity and novelty must know of the items of a log.

    Items are alike by their features `category` or `attributes`. Where the log has neither, they are alike by their
    columns of train ratings, so that two items are alike if the same users rated them alike; an environment that holds
    no users x items (form `factors`) hands over vectors in their place, those of the columns that its factors predict.

    Args:
      counted: what makes an item popular, its train events ('events') or the users in them ('users').
      rating_vectors: float [A, D], whose cosines are those of the columns.
      easyrl4rec: what EasyRL4Rec's metrics must know.
    """
    train = events_of(interactions, "train")
    popularity = item_popularity(train, counted).astype(np.float32)
    vectors = _features(interactions)
    if vectors is None:
        vectors = rating_vectors
    if vectors is None:
        vectors = np.zeros((interactions.num_items, interactions.num_users), np.float32)
        vectors[train.item, train.user] = train.feedback
    return Catalogue(popularity, np.asarray(vectors, np.float32), easyrl4rec)


def _features(log: Interactions) -> np.ndarray | None:
    """The item features by which items are alike, [A, F]."""
    return log.item_features.get("category", log.item_features.get("attributes"))


def _easyrl4rec(resources: Resources, name: str, log: Interactions) -> easyrl4rec_metrics.Items | None:
    """What EasyRL4Rec's metrics must know of the items; None where `similarity` does not ask for them."""
    config = resources.config.datasets[name]
    if not config.similarity:
        return None
    train = events_of(log, "train")
    liked = train if config.liked_from is None else train.where(train.feedback >= config.liked_from)
    events = np.maximum(np.bincount(liked.item, minlength=train.num_items), 1)
    popularity = (events / len(np.unique(train.user))).astype(np.float32)
    return easyrl4rec_metrics.Items(popularity, **similarities.of(item_facts(resources, name), config.similarity))


def counted(resources: Resources, name: str) -> Counted:
    """The log, where one is configured, and what the environment says of its items."""
    of_items, log = item_facts(resources, name), log_of(resources, name)
    if log is None:
        return Counted(None, of_items)
    return Counted(log, of_items, {"log": fingerprint(log.user, log.item, log.feedback, log.split)})


def item_facts(resources: Resources, name: str) -> dict[str, np.ndarray]:
    """What an environment says of its items."""
    params, facts = resources.dataset(name)
    return jax.tree.map(np.asarray, facts.environment.item_facts(params))


def facts(resources: Resources, name: str) -> list[str]:
    """What the simulator is, and how the files of the log were read."""
    config = resources.config.datasets[name]
    log = resources.log if resources.config.data.name else None
    return [*_module(config.name).facts(config, log), *(() if log is None else log.notes)]

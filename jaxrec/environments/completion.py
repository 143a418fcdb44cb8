"""From a log and a user model to the rewards and the exit rule of a feedback-matrix environment.

M 4.1 completes the ratings that a log lacks by matrix factorisation; any other user model will do as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, Interactions
from jaxrec.data import filters
from jaxrec.environments import distance_file, exit_rules, reward_range, rewards

CHOICES = {
    "split": ("train", "test", "all"),
    "form": ("dense", "factors"),
    "exit_rule": ("distance", "category"),
    "exit_distance_source": ("own", "test"),
    "reward_origin": ("zero", "least"),
    "episodes_of": ("all", "test"),
    "window_mode": exit_rules.WINDOWS,
}
WHERE = "environment 'feedback_matrix': "
Factors = tuple[np.ndarray, np.ndarray]
# Factors (user [N, D], item [A, D]) whose dot products are the ratings, or users int32 [n] -> ratings float32 [n, A].
Model = Factors | Callable[[np.ndarray], np.ndarray]
USERS_AT_ONCE = 64  # users whose ratings a model without factors predicts in one call


def rewards_and_exit_rule(config: ConfigDict, interactions: Interactions, user_model: Any) -> tuple[Any, Any]:
    """Makes what an environment pays and when its users leave, from the ratings of the config's split.

    Returns:
      (a record of `environments.rewards`, one of `environments.exit_rules`).

    Args:
      user_model: as in `feedback_matrix.make`.

    Raises:
      JaxrecError: ratings are missing and nothing predicts them, or the settings do not suit the user model or the log.
    """
    model = _model(user_model, config.split, interactions)
    users, items = users_and_items(config, interactions)
    low, high, _ = reward_range.of(config, interactions)
    dense, matrix = config.form == "dense", None
    if dense:
        matrix = completed_matrix(_rows(interactions, config.split), model, low, high)
        reward = rewards.Dense(jnp.asarray(_kept(_kept(matrix, users), items, axis=1)))
    else:
        user, item = _factors(model, "form = factors")
        user, item = jnp.asarray(_kept(user, users)), jnp.asarray(_kept(item, items))
        reward = rewards.Factors(user, item, jnp.float32(low), jnp.float32(high))
    if config.exit_rule == "category":
        return reward, _category_rule(config, interactions, items)
    threshold = jnp.float32(config.threshold)
    if config.exit_distances:
        distance = distance_file.read(config.exit_distances, int(items.sum()))
        return reward, exit_rules.Distance(jnp.asarray(distance), threshold)
    if config.exit_distance_source == "test" and config.split != "test":
        matrix, model = None, _model_of_test_ratings(user_model, interactions)
        if dense:
            matrix = completed_matrix(_rows(interactions, "test"), model, low, high)
    if dense:  # over the rows of all users, whoever's episodes are played
        distance = exit_rules.column_distances(_kept(matrix, items, axis=1))
        return reward, exit_rules.Distance(jnp.asarray(distance), threshold)
    embedding = _kept(exit_rules.distance_embedding(*_factors(model, "form = factors")), items)
    return reward, exit_rules.FactorDistance(jnp.asarray(embedding), threshold)


def users_and_items(config: ConfigDict, interactions: Interactions) -> tuple[np.ndarray, np.ndarray]:
    """Returns the users and items that have episodes, (bool [N], bool [A]); the environment renumbers them in order.

    Raises:
      JaxrecError: `episodes_of` is test, and there are no test ratings.
    """
    if config.episodes_of == "test":
        return filters.users_and_items_of(interactions, TEST)
    return np.ones(interactions.num_users, bool), np.ones(interactions.num_items, bool)


def _kept(array: np.ndarray, kept: np.ndarray, axis: int = 0) -> np.ndarray:
    """Returns the rows or columns where `kept` is True; the array itself, not a copy, where all are kept."""
    return array if kept.all() else np.compress(kept, array, axis)


def dense_bytes(config: ConfigDict, interactions: Interactions) -> float:
    """Returns the bytes that the dense form needs at once while it is made.

    They are those of the completed matrix N x A in float32, here and on the device, and, where users leave by distances
    of its columns, of the matrix in float64 and of A x A distances in float64, twice, and in float32.
    """
    users, items = interactions.num_users, interactions.num_items
    needed = 8.0 * users * items
    if config.exit_rule == "distance" and not config.exit_distances:
        needed += 8.0 * users * items + 20.0 * items * items
    return needed


def completed_matrix(rows: Interactions, model: Model | None, low: float, high: float) -> np.ndarray:
    """Returns float32 [N, A]: the observed rating, or else the model's, both clipped to [low, high] (M 4.1).

    Our reading: the observed rating of a pair that was rated several times is the mean.

    Args:
      rows: the log of N users and A items. model: None where the log has every rating.

    Raises:
      JaxrecError: ratings are missing and nothing predicts them, or predictions are not finite.
    """
    shape = (rows.num_users, rows.num_items)
    cell, inverse = np.unique(rows.user.astype(np.int64) * shape[1] + rows.item, return_inverse=True)
    mean = np.bincount(inverse, rows.feedback, len(cell)) / np.maximum(np.bincount(inverse, minlength=len(cell)), 1)
    if model is None and len(cell) < shape[0] * shape[1]:
        raise JaxrecError(
            f"{WHERE}{shape[0] * shape[1] - len(cell)} of {shape[0]} x {shape[1]} ratings of {rows.name} are missing; "
            "fit a user model first (stage user_model), or give user_model=(user_factors, item_factors)"
        )
    matrix = np.zeros(shape, np.float32) if model is None else _predicted(model, shape)
    matrix.reshape(-1)[cell] = mean
    return np.clip(matrix, low, high, out=matrix)


def _predicted(model: Model, shape: tuple[int, int]) -> np.ndarray:
    """Returns the model's rating of every pair, float32 [N, A]."""
    if not callable(model):
        return model[0] @ model[1].T
    matrix = np.empty(shape, np.float32)
    for first in range(0, shape[0], USERS_AT_ONCE):
        # The last block reaches back instead of being short: a jitted model is compiled for one size.
        start = max(min(first, shape[0] - USERS_AT_ONCE), 0)
        users = np.arange(start, min(start + USERS_AT_ONCE, shape[0]), dtype=np.int32)
        ratings = np.asarray(model(users), np.float32)
        if ratings.shape != (len(users), shape[1]):
            raise JaxrecError(f"{WHERE}user model gives {ratings.shape} for {len(users)} users of {shape[1]} items")
        matrix[users] = ratings
    if not np.isfinite(matrix).all():
        raise JaxrecError(f"{WHERE}the user model's ratings are not finite; lower its learning rate and fit it again")
    return matrix


def _rows(interactions: Interactions, split: str) -> Interactions:
    if split == "all":
        return interactions
    rows = interactions.where(interactions.split == {"train": TRAIN, "test": TEST}[split])
    if len(rows) == 0:
        raise JaxrecError(f"{WHERE}{interactions.name} has no {split} ratings; set split to 'all', or split the log")
    return rows


def _model(user_model: Any, split: str, interactions: Interactions) -> Model | None:
    """Returns the model of a split, its factors as float32 arrays.

    Raises:
      JaxrecError: no model of the split, or factors of other users and items than the log's.
    """
    if isinstance(user_model, Mapping):
        if split not in user_model:
            raise JaxrecError(f"{WHERE}user_model has models for {sorted(user_model)}, but split is {split!r}")
        user_model = user_model[split]
    if user_model is None or callable(user_model):
        return user_model
    if len(user_model) != 2:
        raise JaxrecError(f"{WHERE}user_model has {len(user_model)} parts; give (user_factors, item_factors)")
    user, item = (np.asarray(f, np.float32) for f in user_model)
    expected = (interactions.num_users, interactions.num_items)
    if (len(user), len(item)) != expected or user.shape[1:] != item.shape[1:]:
        raise JaxrecError(
            f"{WHERE}user model of {user.shape} and {item.shape} against a log of {expected[0]} users x {expected[1]} "
            "items; fit it on this log"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        largest = np.abs(user).max(0) @ np.abs(item).max(0)  # of a rating; not finite where a factor is not
    if not np.isfinite(largest):
        raise JaxrecError(
            f"{WHERE}the user model's factors, or their products, are not finite; lower its learning rate and fit it "
            "again"
        )
    return user, item


def _factors(model: Model | None, what: str) -> Factors:
    """Returns the model's factors; raises JaxrecError, naming `what` needs them, where it has none."""
    if model is None or callable(model):
        raise JaxrecError(
            f"{WHERE}{what} needs user_model=(user_factors, item_factors); others work in the form 'dense'"
        )
    return model


def _model_of_test_ratings(user_model: Any, interactions: Interactions) -> Model:
    """Returns the model fitted on the test ratings, by which EasyRL4Rec's training users leave too."""
    if not isinstance(user_model, Mapping):
        raise JaxrecError(
            f"{WHERE}exit_distance_source = test needs user_model={{'train': ..., 'test': ...}}: the test matrix "
            "is completed by its own factorisation"
        )
    model = _model(user_model, "test", interactions)
    if model is None:
        raise JaxrecError(f"{WHERE}exit_distance_source = test needs a model of the test ratings; user_model has none")
    return model


def _category_rule(config: ConfigDict, interactions: Interactions, items: np.ndarray) -> exit_rules.Category:
    """Returns the rule over the categories of the items where `items`, bool [A], is True."""
    categories = interactions.item_features.get(config.category_feature)
    if categories is None:
        raise JaxrecError(
            f"{WHERE}{interactions.name} has no item feature {config.category_feature!r} (it has "
            f"{sorted(interactions.item_features)}); name one in category_feature, or set exit_rule to 'distance'"
        )
    if config.threshold < 0 or config.threshold != int(config.threshold):
        raise JaxrecError(f"{WHERE}threshold is {config.threshold}; the category rule counts: set a whole number >= 0")
    packed = exit_rules.pack_categories(_kept(exit_rules.with_untagged(categories), items))
    return exit_rules.Category(jnp.asarray(packed), int(config.threshold))

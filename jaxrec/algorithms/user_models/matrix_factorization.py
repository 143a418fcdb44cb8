"""Biased matrix factorisation (Koren, Bell and Volinsky 2009, Eq. 5): rating = mean + b_u + b_i + <p_u, q_i>.

M 4.1 completes missing ratings by matrix factorisation. Our reading: the squared error is taken on the logged ratings
only, Adam descends it in minibatches, and one L2 weight holds for factors and biases alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Transform
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN, Interactions
from jaxrec.base.specs import RatingsSpec
from jaxrec.training import learner, optimizers, sources

# Logged ratings: "user" and "item" int32 [E], "feedback" float32 [E].
Ratings = Mapping[str, Array]


def ratings(interactions: Interactions, split: int = TRAIN) -> Ratings:
    """Returns the logged ratings of one split.

    Raises:
      JaxrecError: the split is empty.
    """
    rows = interactions.where(interactions.split == split)
    if not len(rows):
        raise JaxrecError(f"{interactions.name} has no rows in split {split}; a user model needs some to learn from")
    return {"user": rows.user, "item": rows.item, "feedback": rows.feedback}


RANGES = {
    "width": ranges.COUNT,
    "l2": ranges.NOT_NEGATIVE,
    "init_scale": ranges.NOT_NEGATIVE,
    "batch_size": ranges.COUNT,
    **ranges.under("optimizer", optimizers.RANGES),
    "search.widths": ranges.COUNTS,
    "search.l2": ranges.list_of(ranges.NOT_NEGATIVE, "finite numbers from 0 upward"),
    "search.held_out": ranges.INSIDE_ZERO_ONE,
    "search.passes": ranges.COUNT,
}


def defaults() -> ConfigDict:
    """Returns settings for a small log; `matrix_factorization_search` chooses width, L2 weight and steps by the log."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 0.01  # small tables converge within some 20 passes
    return ConfigDict(
        {
            "width": 8,  # D, factors per user and item
            "l2": 0.2,  # times the mean squared norm of the factors and biases in a batch
            "init_scale": 0.1,  # standard deviation of the first factors, in ratings^(1/2)
            "batch_size": 256,  # ratings per step, drawn with replacement
            "optimizer": optimizer,
            "search": {
                "widths": (1, 2, 4, 8, 16, 32),  # factors tried
                "l2": (0.05, 0.1, 0.2, 0.3, 0.5),  # L2 weights tried
                "held_out": 0.1,  # share of the training ratings, drawn at random
                "passes": 60,  # passes over the training ratings at most
            },
        }
    )


def init(key: Array, spec: RatingsSpec, *, width: int, init_scale: float) -> Params:
    """Draws small factors; biases start at 0 and the mean at the middle of the feedback range.

    Args:
      width: D. init_scale: standard deviation of the factors.
    """
    key_user, key_item = jax.random.split(key)

    def side(key: Array, rows: int) -> dict[str, Array]:
        return {"factor": init_scale * jax.random.normal(key, (rows, width)), "bias": jnp.zeros(rows)}

    mean = {"value": jnp.asarray(sum(spec.feedback_range) / 2.0, jnp.float32)}
    return {"user": side(key_user, spec.num_users), "item": side(key_item, spec.num_items), "mean": mean}


def predict(params: Params, user: Array, item: Array) -> Array:
    """Predicts the unclipped rating [...] of each pair user, item int32 [...] (Koren et al. 2009, Eq. 5)."""
    users, items = params["user"], params["item"]
    product = jnp.sum(users["factor"][user] * items["factor"][item], axis=-1)
    return params["mean"]["value"] + users["bias"][user] + items["bias"][item] + product


def loss(params: Params, batch: Ratings, l2: Array | float) -> tuple[dict[str, Array], dict[str, Array]]:
    """Returns (terms, metrics): the batch's mean squared error, and the L2 term of its users and items."""
    error = predict(params, batch["user"], batch["item"]) - batch["feedback"]
    squared = jnp.mean(jnp.square(error))
    sides = [(params[side], batch[side]) for side in ("user", "item")]
    norm = sum(jnp.sum(jnp.square(side["factor"][row]), -1) + jnp.square(side["bias"][row]) for side, row in sides)
    return {"squared_error": squared, "l2": l2 * jnp.mean(norm)}, {"rmse": jnp.sqrt(squared)}


def factors(params: Params) -> tuple[Array, Array]:
    """Returns (user [N, D + 2], item [A, D + 2]) whose dot products are the unclipped ratings.

    Mean and biases become the two additional factors.
    """
    users, items = params["user"], params["item"]
    level = (params["mean"]["value"] + users["bias"])[:, None]
    user = jnp.concatenate([users["factor"], level, jnp.ones_like(level)], axis=-1)
    bias = items["bias"][:, None]
    return user, jnp.concatenate([items["factor"], jnp.ones_like(bias), bias], axis=-1)


def random_ratings(batch_size: int) -> Callable[[Ratings, Array], Ratings]:
    """Makes a view for `sources.logged`: B = `batch_size` ratings drawn with replacement, [B]."""

    def view(data: Ratings, key: Array) -> Ratings:
        rows = jax.random.randint(key, (batch_size,), 0, data["user"].shape[0])
        return {name: jnp.asarray(column)[rows] for name, column in data.items()}

    return view


def make(config: ConfigDict, spec: RatingsSpec) -> Algorithm:
    """Makes the algorithm over `Ratings`; its scorer maps (params, user int32 [B]) to ratings [B, A]."""
    ranges.check("algorithm.", config, RANGES)

    def init_params(key: Array) -> Params:
        return init(key, spec, width=config.width, init_scale=config.init_scale)

    def loss_fn(params: Params, batch: Ratings, key: Array):
        del key
        return loss(params, batch, config.l2)

    def score(params: Params, user: Array) -> Array:
        users, items = factors(params)
        return users[user] @ items.T

    return Algorithm(
        learner=learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer)),
        source=sources.logged(random_ratings(config.batch_size)),
        scorer=score,
        transforms={
            "user_factors": Transform(lambda data: spec.num_users, lambda params, data, rows: factors(params)[0][rows]),
            "item_factors": Transform(lambda data: spec.num_items, lambda params, data, rows: factors(params)[1][rows]),
        },
    )


def bias_only_rmse(train: Interactions, held_out: Interactions, damping: float = 5.0) -> dict[str, float]:
    """Returns the RMSE on held-out ratings of the predictors that a factorisation has to beat.

    They are the mean, the mean with a user bias, with an item bias, and with both. A bias is a damped mean of what the
    predictor before it leaves; the user bias of `user_and_item` comes after the item bias.

    Args:
      damping: imaginary ratings without error that every user and item has.
    """
    mean = float(train.feedback.mean())

    def bias(index: np.ndarray, size: int, residual: np.ndarray) -> np.ndarray:
        return np.bincount(index, residual, size) / (np.bincount(index, minlength=size) + damping)

    user = bias(train.user, train.num_users, train.feedback - mean)
    item = bias(train.item, train.num_items, train.feedback - mean)
    both = bias(train.user, train.num_users, train.feedback - mean - item[train.item])
    predictions = {
        "mean": np.full(len(held_out), mean),
        "user": mean + user[held_out.user],
        "item": mean + item[held_out.item],
        "user_and_item": mean + item[held_out.item] + both[held_out.user],
    }
    return {name: float(np.sqrt(np.mean((p - held_out.feedback) ** 2))) for name, p in predictions.items()}

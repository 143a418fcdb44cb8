"""Biased matrix factorisation (Koren, Bell and Volinsky 2009, Eq. 5): rating = mean + b_u + b_i + <p_u, q_i>.

The user model of the feedback-matrix environments (M 4.1 completes missing ratings by matrix factorisation). Our
reading: squared error on the logged cells only, minibatch Adam, one L2 weight for factors and biases alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.contracts import Algorithm, Array, Params, Transform
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN, Interactions
from jaxrec.base.specs import RatingsSpec
from jaxrec.training import learner, optimizers, sources

# Logged cells of the feedback matrix: "user" and "item" int32 [E], "feedback" float32 [E].
Ratings = Mapping[str, Array]


def ratings(interactions: Interactions, split: int = TRAIN) -> Ratings:
    """The columns of one split.

    Raises:
      JaxrecError: the split is empty.
    """
    rows = interactions.where(interactions.split == split)
    if not len(rows):
        raise JaxrecError(f"{interactions.name} has no rows in split {split}; a user model needs some to learn from")
    return {"user": rows.user, "item": rows.item, "feedback": rows.feedback}


def defaults() -> ConfigDict:
    """Sizes that `matrix_factorization_search.choose` replaces by what a held-out part of the training rows prefers."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 0.01  # ratings per step: small tables settle within some 20 passes
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
                "held_out": 0.1,  # share of the training rows, drawn at random
                "passes": 60,  # passes over the training rows at most
            },
        }
    )


def init(key: Array, spec: RatingsSpec, *, width: int, init_scale: float) -> Params:
    """Small random factors, zero biases, and the middle of the reward range as mean."""
    key_user, key_item = jax.random.split(key)

    def side(key: Array, rows: int) -> dict[str, Array]:
        return {"factor": init_scale * jax.random.normal(key, (rows, width)), "bias": jnp.zeros(rows)}

    mean = {"value": jnp.asarray(sum(spec.feedback_range) / 2.0, jnp.float32)}
    return {"user": side(key_user, spec.num_users), "item": side(key_item, spec.num_items), "mean": mean}


def predict(params: Params, user: Array, item: Array) -> Array:
    """Unclipped rating [...] of each pair; `user`, `item` int32 [...]."""
    users, items = params["user"], params["item"]
    product = jnp.sum(users["factor"][user] * items["factor"][item], axis=-1)
    return params["mean"]["value"] + users["bias"][user] + items["bias"][item] + product


def loss(params: Params, batch: Ratings, l2: Array | float) -> tuple[dict[str, Array], dict[str, Array]]:
    """Mean squared error of the batch, and the L2 term of the rows it touches."""
    error = predict(params, batch["user"], batch["item"]) - batch["feedback"]
    squared = jnp.mean(jnp.square(error))
    touched = [(params[side], batch[side]) for side in ("user", "item")]
    norm = sum(jnp.sum(jnp.square(side["factor"][rows]), -1) + jnp.square(side["bias"][rows]) for side, rows in touched)
    return {"squared_error": squared, "l2": l2 * jnp.mean(norm)}, {"rmse": jnp.sqrt(squared)}


def factors(params: Params) -> tuple[Array, Array]:
    """(user [N, D + 2], item [A, D + 2]) whose dot product is the unclipped rating: the biases are two more factors."""
    users, items = params["user"], params["item"]
    level = (params["mean"]["value"] + users["bias"])[:, None]
    user = jnp.concatenate([users["factor"], level, jnp.ones_like(level)], axis=-1)
    bias = items["bias"][:, None]
    return user, jnp.concatenate([items["factor"], jnp.ones_like(bias), bias], axis=-1)


def sample(batch_size: int) -> Callable[[Ratings, Array], Ratings]:
    """A view for `sources.logged`: `batch_size` ratings with replacement."""

    def view(data: Ratings, key: Array) -> Ratings:
        rows = jax.random.randint(key, (batch_size,), 0, data["user"].shape[0])
        return {name: jnp.asarray(column)[rows] for name, column in data.items()}

    return view


def make(config: ConfigDict, spec: RatingsSpec) -> Algorithm:
    """Learner and source over `Ratings`; the scorer maps (params, user int32 [B]) to ratings [B, A]."""

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
        source=sources.logged(sample(config.batch_size)),
        scorer=score,
        transforms={
            "user_factors": Transform(lambda data: spec.num_users, lambda params, data, rows: factors(params)[0][rows]),
            "item_factors": Transform(lambda data: spec.num_items, lambda params, data, rows: factors(params)[1][rows]),
        },
    )


def bias_only_rmse(train: Interactions, held_out: Interactions, damping: float = 5.0) -> dict[str, float]:
    """RMSE on the held-out rows of the predictors a factorisation has to beat: mean, user, item, and both biases.

    Damped means (`damping` imaginary ratings at the level below), item first, then user on what the item leaves.
    """
    mean = float(train.feedback.mean())

    def bias(index: np.ndarray, size: int, rest: np.ndarray) -> np.ndarray:
        return np.bincount(index, rest, size) / (np.bincount(index, minlength=size) + damping)

    user = bias(train.user, train.num_users, train.feedback - mean)
    item = bias(train.item, train.num_items, train.feedback - mean)
    both = bias(train.user, train.num_users, train.feedback - mean - item[train.item])
    guesses = {
        "mean": np.full(len(held_out), mean),
        "user": mean + user[held_out.user],
        "item": mean + item[held_out.item],
        "user_and_item": mean + item[held_out.item] + both[held_out.user],
    }
    return {name: float(np.sqrt(np.mean((guess - held_out.feedback) ** 2))) for name, guess in guesses.items()}

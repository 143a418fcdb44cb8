"""DeepFM ensemble (Guo et al. 2017; Lakshminarayanan et al. 2017): a rating's mean and variance from k networks.

It is the user model of EasyRL4Rec; DORL and MOPO penalise its variance. Each network draws its own batches and descends
the Gaussian negative log-likelihood; the ensemble is their equal mixture. Our reading: the inputs are ids and
categorical features only, and one L2 weight holds for the vectors and weights of the users and items in a batch.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.user_models import matrix_factorization
from jaxrec.algorithms.user_models.deep_fm_network import DeepFM
from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Params, Transform
from jaxrec.base.specs import RatingsSpec
from jaxrec.losses.gaussian import gaussian_nll
from jaxrec.training import learner, optimizers, sources

Ratings = matrix_factorization.Ratings

RANGES = {
    "num_members": ranges.COUNT,
    "width": ranges.COUNT,
    "hidden": ranges.list_of(ranges.COUNT, "a list of whole numbers from 1 upward, which may be empty", least=0),
    "l2": ranges.NOT_NEGATIVE,
    "batch_size": ranges.COUNT,
    **ranges.under("optimizer", optimizers.RANGES),
}


def defaults() -> ConfigDict:
    """Returns the settings of the ensemble."""
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 2e-3
    return ConfigDict(
        {
            "num_members": 5,  # k networks
            "width": 8,  # D of users, items and features
            "hidden": (64, 64),  # widths of the deep network's layers
            "l2": 0.1,  # times the mean squared norm of the vectors and weights of the users and items in a batch
            "batch_size": 256,  # ratings per network and step, drawn with replacement
            "optimizer": optimizer,
        }
    )


def make_network(config: ConfigDict, spec: RatingsSpec) -> DeepFM:
    """Makes one member of the ensemble, which first predicts the middle of the feedback range."""
    return DeepFM(spec.num_users, spec.num_items, config.width, tuple(config.hidden), sum(spec.feedback_range) / 2.0)


def predict(network: DeepFM, params: Params, user: Array, item: Array) -> tuple[Array, Array]:
    """Returns (mean, variance) of the ensemble's unclipped rating of each pair user, item int32 [...]."""
    moments = jax.vmap(lambda member: predict_by_member(network, params, member, user, item))(params["members"])
    return mixture_moments(*moments)


def predict_by_member(network: DeepFM, params: Params, member: Params, user: Array, item: Array) -> tuple[Array, Array]:
    """Returns (mean, variance) of one member's rating of each pair user, item int32 [...].

    Args:
      params: the parameters of the whole ensemble, of which the features are read.
      member: the parameters of this member's network alone, an entry of `params["members"]`.
    """
    features = params["features"]
    return network.apply({"params": member}, user, item, features["user"][user], features["item"][item])


def mixture_moments(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Returns (mean, variance) [...] of an equal mixture of k normals with moments [k, ...].

    The variance of the means, the members' disagreement, adds to the mean of the variances.
    """
    mixture_mean = jnp.mean(mean, axis=0)
    return mixture_mean, jnp.mean(variance + jnp.square(mean), axis=0) - jnp.square(mixture_mean)


def make(config: ConfigDict, spec: RatingsSpec) -> Algorithm:
    """Makes the algorithm over `Ratings`; its scorer maps (params, user int32 [B]) to mean ratings [B, A].

    The features come from the spec and stay, untrained, among the parameters, so that a stored model is complete.
    """
    ranges.check("algorithm.", config, RANGES)
    network = make_network(config, spec)

    def init_params(key: Array) -> Params:
        no_features = (jnp.zeros((spec.num_users, 0)), jnp.zeros((spec.num_items, 0)))
        user, item = (jnp.asarray(x, jnp.float32) for x in spec.features or no_features)
        one_pair = (jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32), user[:1], item[:1])
        members = jax.vmap(lambda k: network.init(k, *one_pair)["params"])(jax.random.split(key, config.num_members))
        return {"members": members, "features": {"user": user, "item": item}}

    def loss_fn(params: Params, batch: Ratings, key: Array):
        del key

        def member_terms(member: Params, batch: Ratings) -> tuple[Array, Array, Array]:
            mean, variance = predict_by_member(network, params, member, batch["user"], batch["item"])
            likelihood = gaussian_nll(mean, variance, batch["feedback"])
            error = jnp.square(mean - batch["feedback"])
            return jnp.mean(likelihood), squared_norm(member, batch), jnp.mean(error)

        likelihood, norm, error = jax.vmap(member_terms)(params["members"], batch)
        # Sums over the members, so that each descends its own loss.
        terms = {"likelihood": jnp.sum(likelihood), "l2": config.l2 * jnp.sum(norm)}
        return terms, {"rmse": jnp.sqrt(jnp.mean(error))}

    def score(params: Params, user: Array) -> Array:
        items = jnp.arange(spec.num_items, dtype=jnp.int32)
        pairs = (jnp.repeat(user, spec.num_items), jnp.tile(items, user.shape[0]))
        return predict(network, params, *pairs)[0].reshape(user.shape[0], spec.num_items)

    return Algorithm(
        learner=learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer), frozen=("features/",)),
        source=sources.logged(random_ratings(config.num_members, config.batch_size)),
        scorer=score,
        transforms={"ratings": Transform(lambda data: spec.num_users, lambda params, data, rows: score(params, rows))},
    )


def squared_norm(member: Params, batch: Ratings) -> Array:
    """Returns the mean over the batch [B] of the squared norms of the user's and the item's vector and weight."""
    sides = [
        (member[f"{side}_vector"][batch[side]], member[f"{side}_weight"][batch[side]]) for side in ("user", "item")
    ]
    return sum(jnp.mean(jnp.sum(jnp.square(vector), -1) + jnp.square(weight)) for vector, weight in sides)


def random_ratings(num_members: int, batch_size: int) -> Callable[[Ratings, Array], Ratings]:
    """Makes a view for `sources.logged`: B = `batch_size` ratings with replacement for each of k members, [k, B]."""
    view = matrix_factorization.random_ratings(batch_size)
    return lambda data, key: jax.vmap(lambda k: view(data, k))(jax.random.split(key, num_members))

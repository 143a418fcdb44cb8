"""DeepFM ensemble (Guo et al. 2017; Lakshminarayanan et al. 2017): a rating's mean and variance from k networks.

The other user model of the feedback-matrix environments (EasyRL4Rec; DORL and MOPO penalise its variance). Each
network sees its own batches and descends the Gaussian negative log-likelihood; the ensemble is their equal mixture. Our
reading: ids and categorical features only, one L2 weight on the vectors and weights of the users and items in a batch.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.algorithms.user_models import matrix_factorization
from jaxrec.algorithms.user_models.deep_fm_network import DeepFM
from jaxrec.base.contracts import Algorithm, Array, Params, Transform
from jaxrec.base.specs import RatingsSpec
from jaxrec.losses.gaussian import gaussian_nll
from jaxrec.training import learner, optimizers, sources

Ratings = matrix_factorization.Ratings


def defaults() -> ConfigDict:
    optimizer = optimizers.defaults()
    optimizer.learning_rate = 2e-3
    return ConfigDict(
        {
            "num_members": 5,  # k networks
            "width": 8,  # D of users, items and features
            "hidden": (64, 64),  # layers of the deep part
            "l2": 0.1,  # times the mean squared norm of the user and item rows in a batch
            "batch_size": 256,  # ratings per network and step, drawn with replacement
            "optimizer": optimizer,
        }
    )


def build(config: ConfigDict, spec: RatingsSpec) -> DeepFM:
    """One member; its first guess is the middle of the reward range."""
    return DeepFM(spec.num_users, spec.num_items, config.width, tuple(config.hidden), sum(spec.feedback_range) / 2.0)


def predict(network: DeepFM, params: Params, user: Array, item: Array) -> tuple[Array, Array]:
    """(mean, variance) [...] of the ensemble's unclipped rating of each pair; `user`, `item` int32 [...]."""
    return mixture(*jax.vmap(lambda member: apply(network, params, member, user, item))(params["members"]))


def apply(network: DeepFM, params: Params, member: Params, user: Array, item: Array) -> tuple[Array, Array]:
    """(mean, variance) [...] of one member."""
    known = params["features"]
    return network.apply({"params": member}, user, item, known["user"][user], known["item"][item])


def mixture(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Moments [...] of an equal mixture of k normals [k, ...]: what they disagree on adds to the variance."""
    middle = jnp.mean(mean, axis=0)
    return middle, jnp.mean(variance + jnp.square(mean), axis=0) - jnp.square(middle)


def make(config: ConfigDict, spec: RatingsSpec) -> Algorithm:
    """Learner and source over `Ratings`; the scorer maps (params, user int32 [B]) to mean ratings [B, A].

    The features come with the RatingsSpec and stay, untrained, among the parameters: a stored model is whole.
    """
    network = build(config, spec)

    def init_params(key: Array) -> Params:
        none = (jnp.zeros((spec.num_users, 0)), jnp.zeros((spec.num_items, 0)))
        user, item = (jnp.asarray(known, jnp.float32) for known in spec.features or none)
        first = (jnp.zeros(1, jnp.int32), jnp.zeros(1, jnp.int32), user[:1], item[:1])
        members = jax.vmap(lambda k: network.init(k, *first)["params"])(jax.random.split(key, config.num_members))
        return {"members": members, "features": {"user": user, "item": item}}

    def loss_fn(params: Params, batch: Ratings, key: Array):
        del key

        def one(member: Params, batch: Ratings) -> tuple[Array, Array, Array]:
            mean, variance = apply(network, params, member, batch["user"], batch["item"])
            likelihood = gaussian_nll(mean, variance, batch["feedback"])
            error = jnp.square(mean - batch["feedback"])
            return jnp.mean(likelihood), squared_norm(member, batch), jnp.mean(error)

        likelihood, norm, error = jax.vmap(one)(params["members"], batch)
        # Sums over the members: each descends its own loss.
        terms = {"likelihood": jnp.sum(likelihood), "l2": config.l2 * jnp.sum(norm)}
        return terms, {"rmse": jnp.sqrt(jnp.mean(error))}

    def score(params: Params, user: Array) -> Array:
        every = jnp.arange(spec.num_items, dtype=jnp.int32)
        pairs = (jnp.repeat(user, spec.num_items), jnp.tile(every, user.shape[0]))
        return predict(network, params, *pairs)[0].reshape(user.shape[0], spec.num_items)

    return Algorithm(
        learner=learner.from_loss(init_params, loss_fn, optimizers.make(config.optimizer), frozen=("features/",)),
        source=sources.logged(sample(config.num_members, config.batch_size)),
        scorer=score,
        transforms={"ratings": Transform(lambda data: spec.num_users, lambda params, data, rows: score(params, rows))},
    )


def squared_norm(member: Params, batch: Ratings) -> Array:
    """Mean over the batch [B] of the squared norm of the user's and the item's vector and weight."""
    sides = [
        (member[f"{side}_vector"][batch[side]], member[f"{side}_weight"][batch[side]]) for side in ("user", "item")
    ]
    return sum(jnp.mean(jnp.sum(jnp.square(vector), -1) + jnp.square(weight)) for vector, weight in sides)


def sample(num_members: int, batch_size: int) -> Callable[[Ratings, Array], Ratings]:
    """A view for `sources.logged`: `batch_size` ratings with replacement for each member, [k, B]."""
    one = matrix_factorization.sample(batch_size)
    return lambda data, key: jax.vmap(lambda k: one(data, k))(jax.random.split(key, num_members))

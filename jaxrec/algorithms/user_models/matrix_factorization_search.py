"""Chooses width, L2 weight and steps of a matrix factorisation on a held-out part of its own training ratings.

All candidates train at once as a vmapped axis. A narrow factorisation is a wide one whose spare columns start at zero:
their gradient is zero, so they stay at zero.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxrec.algorithms.user_models import matrix_factorization as mf
from jaxrec.base.contracts import Array, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TRAIN, Interactions
from jaxrec.base.specs import RatingsSpec
from jaxrec.training import learner, loop, optimizers


class Choice(NamedTuple):
    """The settings of the lowest held-out RMSE.

    Attributes:
      rmse: on the held-out ratings. baseline_rmse: predictor -> the RMSE of `bias_only_rmse` on the same ratings.
    """

    width: int
    l2: float
    num_steps: int
    rmse: float
    baseline_rmse: dict[str, float]


def hold_out(interactions: Interactions, share: float, seed: int) -> tuple[Interactions, Interactions]:
    """Parts the rows at random into (those to learn from, those held out).

    Args:
      share: of the rows that are held out.

    Raises:
      JaxrecError: too few rows to hold any out.
    """
    size = int(round(share * len(interactions)))
    if not 0 < size < len(interactions):
        raise JaxrecError(f"{interactions.name}: {len(interactions)} rows leave none to hold out at a share of {share}")
    order = np.random.default_rng(seed).permutation(len(interactions))
    return interactions.where(order[size:]), interactions.where(order[:size])


def held_out_rmse(
    config: ConfigDict,
    spec: RatingsSpec,
    ratings: mf.Ratings,
    held_out: mf.Ratings,
    key: Array,
    width: Array,
    l2: Array,
) -> Array:
    """Trains one candidate; returns its held-out RMSE after each pass over the ratings, [passes]."""
    search = config.search
    columns = max(search.widths)
    spare = (jnp.arange(columns) >= width)[None]

    def init_params(key: Array) -> Params:
        params = mf.init(key, spec, width=columns, init_scale=config.init_scale)
        for side in ("user", "item"):
            params[side]["factor"] = jnp.where(spare, 0.0, params[side]["factor"])
        return params

    candidate = learner.from_loss(init_params, lambda p, b, _: mf.loss(p, b, l2), optimizers.make(config.optimizer))
    draw_batch = mf.random_ratings(config.batch_size)

    def step(state, key: Array):
        return candidate.update(state, draw_batch(ratings, key), key)[0], None

    def one_pass(state, key: Array):
        state, _ = jax.lax.scan(step, state, jax.random.split(key, steps_per_pass(config, ratings["user"].shape[0])))
        predicted = jnp.clip(mf.predict(state.params, held_out["user"], held_out["item"]), *spec.feedback_range)
        return state, jnp.sqrt(jnp.mean(jnp.square(predicted - held_out["feedback"])))

    key_init, key_passes = jax.random.split(key)
    return jax.lax.scan(one_pass, candidate.init(key_init), jax.random.split(key_passes, search.passes))[1]


def steps_per_pass(config: ConfigDict, num_ratings: int) -> int:
    """Returns how many batches have as many ratings as there are, rounded up."""
    return -(-num_ratings // config.batch_size)


def choose(
    config: ConfigDict, spec: RatingsSpec, interactions: Interactions, split: int = TRAIN, seed: int = 0
) -> Choice:
    """Trains every (width, l2) on the ratings of one split alone and returns the one of the lowest RMSE at any pass."""
    search = config.search
    rows = interactions.where(interactions.split == split)
    parts = hold_out(rows, search.held_out, seed)
    pairs = np.array(list(itertools.product(search.widths, search.l2)), np.float32)
    ratings, held_out = (mf.ratings(part, split) for part in parts)

    @jax.jit
    def rmse_of_candidates(widths: Array, l2: Array) -> Array:
        key = jax.random.key(seed)
        return jax.vmap(lambda *pair: held_out_rmse(config, spec, ratings, held_out, key, *pair))(widths, l2)

    rmse = np.asarray(rmse_of_candidates(*pairs.T))
    best, passes = np.unravel_index(rmse.argmin(), rmse.shape)
    num_steps = int(passes + 1) * steps_per_pass(config, len(rows))
    width, l2 = pairs[best]
    return Choice(int(width), float(l2), num_steps, float(rmse.min()), mf.bias_only_rmse(*parts))


def fit(
    config: ConfigDict, spec: RatingsSpec, interactions: Interactions, split: int = TRAIN, seed: int = 0
) -> tuple[Params, Choice]:
    """Chooses the settings, then trains with them on all ratings of the split; returns (params, settings)."""
    choice = choose(config, spec, interactions, split, seed)
    config = config.copy_and_resolve_references()
    config.width, config.l2 = choice.width, choice.l2
    algorithm = mf.make(config, spec)
    rows = mf.ratings(interactions, split)
    state = loop.fit(algorithm.learner, algorithm.source, rows, num_steps=choice.num_steps, seed=seed)
    return jax.tree.map(lambda leaf: leaf[0], state.params), choice

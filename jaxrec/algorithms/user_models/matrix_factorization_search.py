"""Width, L2 weight and number of steps of a matrix factorisation, chosen on a held-out part of its own training rows.

All candidates train at once as a vmapped axis: a narrow one is a wide one whose spare columns start at zero and, having
zero gradient there, stay at zero.
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
    """The winner, the RMSE it had on the held-out rows, and that of the simple predictors on the same rows."""

    width: int
    l2: float
    num_steps: int
    rmse: float
    simple: dict[str, float]


def hold_out(interactions: Interactions, share: float, seed: int) -> tuple[Interactions, Interactions]:
    """(kept, held out) rows of one table, at random.

    Raises:
      JaxrecError: too few rows to hold any out.
    """
    size = int(round(share * len(interactions)))
    if not 0 < size < len(interactions):
        raise JaxrecError(f"{interactions.name}: {len(interactions)} rows leave none to hold out at a share of {share}")
    order = np.random.default_rng(seed).permutation(len(interactions))
    return interactions.where(order[size:]), interactions.where(order[:size])


def curve(
    config: ConfigDict, spec: RatingsSpec, kept: mf.Ratings, held: mf.Ratings, key: Array, width: Array, l2: Array
) -> Array:
    """Held-out RMSE [passes] of one candidate after each pass over the kept rows."""
    search = config.search
    columns = max(search.widths)
    spare = (jnp.arange(columns) >= width)[None]

    def init_params(key: Array) -> Params:
        params = mf.init(key, spec, width=columns, init_scale=config.init_scale)
        for side in ("user", "item"):
            params[side]["factor"] = jnp.where(spare, 0.0, params[side]["factor"])
        return params

    learn = learner.from_loss(init_params, lambda p, b, _: mf.loss(p, b, l2), optimizers.make(config.optimizer))
    view = mf.sample(config.batch_size)

    def step(state, key: Array):
        return learn.update(state, view(kept, key), key)[0], None

    def one_pass(state, key: Array):
        state, _ = jax.lax.scan(step, state, jax.random.split(key, steps_per_pass(config, kept["user"].shape[0])))
        guess = jnp.clip(mf.predict(state.params, held["user"], held["item"]), *spec.feedback_range)
        return state, jnp.sqrt(jnp.mean(jnp.square(guess - held["feedback"])))

    key_init, key_passes = jax.random.split(key)
    return jax.lax.scan(one_pass, learn.init(key_init), jax.random.split(key_passes, search.passes))[1]


def steps_per_pass(config: ConfigDict, rows: int) -> int:
    return -(-rows // config.batch_size)


def choose(
    config: ConfigDict, spec: RatingsSpec, interactions: Interactions, split: int = TRAIN, seed: int = 0
) -> Choice:
    """Tries every (width, l2) on the rows of one split, no others; the best pass of the best one wins."""
    search = config.search
    rows = interactions.where(interactions.split == split)
    kept, held = hold_out(rows, search.held_out, seed)
    pairs = np.array(list(itertools.product(search.widths, search.l2)), np.float32)
    columns = [mf.ratings(part, split) for part in (kept, held)]

    @jax.jit
    def tried(widths: Array, l2: Array) -> Array:
        return jax.vmap(lambda *pair: curve(config, spec, *columns, jax.random.key(seed), *pair))(widths, l2)

    rmse = np.asarray(tried(*pairs.T))
    best, passes = np.unravel_index(rmse.argmin(), rmse.shape)
    num_steps = int(passes + 1) * steps_per_pass(config, len(rows))
    width, l2 = pairs[best]
    return Choice(int(width), float(l2), num_steps, float(rmse.min()), mf.bias_only_rmse(kept, held))


def fit(
    config: ConfigDict, spec: RatingsSpec, interactions: Interactions, split: int = TRAIN, seed: int = 0
) -> tuple[Params, Choice]:
    """Chooses, then trains with what was chosen on all rows of the split."""
    choice = choose(config, spec, interactions, split, seed)
    config = config.copy_and_resolve_references()
    config.width, config.l2 = choice.width, choice.l2
    algorithm = mf.make(config, spec)
    rows = mf.ratings(interactions, split)
    state = loop.fit(algorithm.learner, algorithm.source, rows, num_steps=choice.num_steps, seed=seed)
    return jax.tree.map(lambda leaf: leaf[0], state.params), choice

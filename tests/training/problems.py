"""A regression small enough to follow by hand, shared by the engine's tests."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxrec.training import learner, sources

WEIGHTS = np.array([1.0, -2.0, 0.5], np.float32)


def data(rows: int = 64) -> dict[str, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    return {"x": x, "y": x @ WEIGHTS}


def view(batch_size: int):
    def draw(data, key):
        rows = jax.random.randint(key, (batch_size,), 0, data["x"].shape[0])
        return {"x": data["x"][rows], "y": data["y"][rows]}

    return draw


def loss_fn(params, batch, key):
    del key
    error = batch["x"] @ params["model"]["kernel"] - batch["y"]
    return {"square": jnp.mean(error**2)}, {"train/error": jnp.mean(jnp.abs(error))}


def make(batch_size: int = 8, tx=None):
    init = lambda key: {"model": {"kernel": jax.random.normal(key, (3,))}}  # noqa: E731
    return learner.from_loss(init, loss_fn, tx or optax.adam(1e-2)), sources.logged(view(batch_size))

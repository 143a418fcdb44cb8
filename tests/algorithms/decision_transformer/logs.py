"""Small logged worlds for the tests of this folder."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxrec.algorithms.decision_transformer import training_windows
from jaxrec.base.records import Observation, Trajectories
from jaxrec.base.specs import TrajectoriesSpec

ITEMS, HORIZON = 6, 7
ITEM_SPEC = TrajectoriesSpec(
    num_users=3, num_items=ITEMS, max_turn=HORIZON, reward_range=(0.0, 2.0), return_range=(0.0, 14.0)
)
VECTOR_SPEC = TrajectoriesSpec(
    num_users=3, num_items=0, max_turn=HORIZON, observation_size=5, action_size=2, return_range=(0.0, 7.0)
)
SMALL = {"width": 8, "num_layers": 2, "num_heads": 2, "context_length": 4, "batch_size": 4}


def small(config, **changes):
    """The config at a size that compiles quickly."""
    config.update({**SMALL, **changes})
    return config


def random_log(spec: TrajectoriesSpec, episodes: int = 5) -> Trajectories:
    """Episodes of random length, item or vector."""
    draw = np.random.default_rng(0)
    shape = (episodes, HORIZON)
    turn = np.broadcast_to(np.arange(HORIZON, dtype=np.int32), shape)
    mask = turn < draw.integers(1, HORIZON + 1, (episodes, 1))
    actions = (
        draw.uniform(-1, 1, (*shape, spec.action_size)) if spec.action_size else draw.integers(0, spec.num_items, shape)
    )
    reward = draw.uniform(0, 2, shape)
    before = np.zeros(shape) if spec.action_size else np.concatenate([actions[:, :1], actions[:, :-1]], axis=1)
    feedback = np.concatenate([np.zeros((episodes, 1)), reward[:, :-1]], axis=1)
    vector = draw.normal(size=(*shape, spec.observation_size))
    observation = Observation(np.zeros(shape, np.int32), before.astype(np.int32), feedback, turn, vector)
    data = Trajectories(observation, actions, reward, mask)
    return jax.tree.map(_device, data)


def _device(x: np.ndarray) -> jax.Array:
    return jnp.asarray(x, {"f": jnp.float32, "i": jnp.int32, "b": jnp.bool_}[x.dtype.kind])


def parameters(network, config, spec: TrajectoriesSpec):
    """Parameters drawn far from the usual small first values, so that a leak shows, and without compiling anything."""
    shapes = jax.eval_shape(network.init, jax.random.key(0), training_windows.zero_windows(config, spec))["params"]
    draw = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(0.5 * draw.normal(size=x.shape), jnp.float32), shapes)

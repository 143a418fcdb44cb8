"""The windows of logged episodes that decision transformers are trained on and initialised with."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.base.contracts import Array, InitParams
from jaxrec.base.records import Trajectories
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.batches.windows import Windows, random_windows


def make_view(config: ConfigDict, steps_after: int = 0) -> Callable[[Trajectories, Array], Windows]:
    """Makes a view for `sources.logged` of random windows, each of `context_length` + `steps_after` steps."""
    length = config.context_length + steps_after
    return random_windows(batch_size=config.batch_size, context_length=length, state_window=config.state_window)


def make_init(network: nn.Module, config: ConfigDict, spec: TrajectoriesSpec) -> InitParams:
    """Makes `init_params(key) -> params` of a network that is called with windows."""
    return lambda key: network.init(key, zero_windows(config, spec))["params"]


def zero_windows(config: ConfigDict, spec: TrajectoriesSpec) -> Windows:
    """Returns one window [1, T] of zeros, whose shapes and dtypes are those of every batch."""
    step = (1, config.context_length)
    pairs = (*step, config.state_window)
    action = jnp.zeros((*step, spec.action_size)) if spec.action_size else jnp.zeros(step, jnp.int32)
    return Windows(
        item=jnp.zeros(pairs, jnp.int32),
        feedback=jnp.zeros(pairs),
        history_mask=jnp.ones(pairs, bool),
        vector=jnp.zeros((*step, spec.observation_size)),
        timestep=jnp.zeros(step, jnp.int32),
        action=action,
        reward=jnp.zeros(step),
        return_to_go=jnp.zeros(step),
        mask=jnp.ones(step, bool),
    )

"""A run over several processes: one of them writes, and all take the same turns, or they would wait for ever."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def is_first() -> bool:
    """Whether this process is the one that writes."""
    return jax.process_index() == 0


def wait_for_all(place: str) -> None:
    """Returns once every process has come to `place`; at once where there is one process only."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(place)


def any_wants(*wishes: bool, after: Any = ()) -> list[bool]:
    """Of each wish, whether any process has it: what a clock or a signal decides must be decided for all.

    `after` are the arrays that are being computed: a CPU runs programs side by side, and their messages would mix.
    """
    if jax.process_count() == 1:
        return list(wishes)
    if jax.default_backend() == "cpu":
        jax.block_until_ready(after)
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(np.asarray(wishes))).any(axis=0).tolist()

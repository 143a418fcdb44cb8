"""Runs over several processes: one of them writes files, and all must run the same programs in the same order, or they
would wait for each other for ever."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def is_first() -> bool:
    """Returns whether this process is the one that writes files."""
    return jax.process_index() == 0


def wait_for_all(place: str) -> None:
    """Waits until every process has come to `place`, a name for this line of the program."""
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(place)


def any_wants(*wishes: bool, after: Any = ()) -> list[bool]:
    """Returns, for each wish, whether any process has it: what a clock or a signal decides must be decided for all.

    Args:
      after: arrays still being computed, waited for on a CPU, which would run the exchange of wishes at the same time
        and mix its messages with theirs.
    """
    if jax.process_count() == 1:
        return list(wishes)
    if jax.default_backend() == "cpu":
        jax.block_until_ready(after)
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(np.asarray(wishes))).any(axis=0).tolist()

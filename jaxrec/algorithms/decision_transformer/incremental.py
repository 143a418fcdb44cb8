"""The history search with one key/value cache per start step (systems 3): the same answer for a fraction of the work.

A history that starts at a fixed step only grows. Each turn appends the return drawn last, the action taken last and the
new state to the cache of every start in the window, and a candidate of n turns is read off the cache that started n - 1
turns ago. With any delta every start is a candidate at some turn, so all T of them are kept: per user T times 3T tokens
of keys and values in every layer but the first. That memory is the price.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import window
from jaxrec.algorithms.decision_transformer.mdt4rec_network import Network
from jaxrec.algorithms.decision_transformer.search import Found, Search, decide, in_groups, observe
from jaxrec.base.contracts import Array
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.models import start_caches

TOKENS = 3  # of a block: R_{t-1}, a_{t-1}, s_t
_GROUPS = 2  # of users on a CPU, which gives one thread to all the small products of one attention


@struct.dataclass
class Memory:
    """`steps` holds the last two turns' tokens; `length` int32 [B], real turns up to T; `clock` int32 [B], turns of
    the run, the same in every row; `caches` of the T last start steps."""

    steps: window.Window
    length: Array
    clock: Array
    caches: Any


@struct.dataclass
class Chosen:
    """The start step's place in the ring, int32 [B], and who sees what, bool [B, T, 3, L]."""

    start: Array
    mask: Array


def incremental(network: Network, config: ConfigDict, spec: TrajectoriesSpec, lengths: tuple[int, ...]) -> Search:
    """Keeps the caches of all start steps and grows them by three tokens at each turn."""
    state_window = config.state_window if spec.sees_history else None
    num_starts = config.context_length

    def init(num_users: int) -> Memory:
        steps = window.empty(num_users, 2, config.width, state_window)
        none = jnp.zeros(num_users, jnp.int32)
        return Memory(steps, none, none, network.backbone.start_caches(num_users, num_starts, TOKENS))

    def find(model: Network, memory: Memory, last_action: Array, observation: Observation) -> tuple[Memory, Found]:
        steps = observe(model, memory.steps, last_action, observation)
        length = jnp.minimum(jnp.where(observation.turn == 0, 0, memory.length) + 1, num_starts)
        clock = memory.clock[0]
        block = steps.tokens.reshape(len(length), 2 * TOKENS, -1)[:, 1 : 1 + TOKENS]
        mask = start_caches.visible(clock, length, memory.caches, num_starts, TOKENS)
        read = (clock - jnp.asarray(lengths) + 1) % num_starts
        state, before, caches = model.backbone.grow(memory.caches, block, mask, clock, read=read)
        index, found = decide(model, state, lambda k: model.backbone.finish(before, read[k]), length, lengths)
        return Memory(steps, length, memory.clock + 1, caches), found.replace(cache=Chosen(read[index], mask))

    def respond(model: Network, memory: Memory, found: Found, token: Array) -> tuple[Memory, Array]:
        given = model.backbone.follow(memory.caches, token, found.cache.mask, found.cache.start)
        return memory.replace(steps=window.write(memory.steps, 1, token)), given

    search = Search(init, find, respond)
    return in_groups(search, _GROUPS) if jax.default_backend() == "cpu" else search

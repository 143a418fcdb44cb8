"""M Algorithm 1 with a key/value cache per start step: the answers of the batched search for a fraction of its work.

A history that starts at a given step only grows. So each turn appends three tokens to the cache of every start step in
the window: the return drawn last, the action taken last and the new state. The candidate history of n turns is then
read from the cache whose start lies n - 1 turns back. Whatever delta is, every start step is a candidate's at some
turn, so all T caches are kept. The price is memory: for each user T caches of 3 T tokens in every layer but the first.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import token_window
from jaxrec.algorithms.decision_transformer.history_search import (
    BestHistory,
    HistorySearch,
    append_observation,
    choose_history,
    in_user_groups,
)
from jaxrec.algorithms.decision_transformer.mdt4rec_network import RETURN, MDT4RecNetwork
from jaxrec.algorithms.decision_transformer.token_window import TokenWindow
from jaxrec.base.contracts import Array
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec
from jaxrec.models import start_caches
from jaxrec.models.start_caches import StartCaches

TOKENS_PER_TURN = 3  # R_{t-1}, a_{t-1}, s_t
_USER_GROUPS = 2  # on a CPU, which computes all the small products of one attention in one thread


@struct.dataclass
class IncrementalMemory:
    """What the incremental search keeps of B users between turns.

    Attributes:
      window: the last two steps as tokens. length: int32 [B], turns of the whole history, up to T.
      clock: int32 [B], turns since the rollout began, the same for every user.
      caches: of the last T start steps.
    """

    window: TokenWindow
    length: Array
    clock: Array
    caches: StartCaches


@struct.dataclass
class BestStart:
    """The cache of the best history.

    Attributes:
      start: int32 [B], its index in the ring of start steps.
      mask: bool [B, T, 3, L], which cached tokens the turn's three tokens see from each start step.
    """

    start: Array
    mask: Array


def make_incremental_search(
    network: MDT4RecNetwork, config: ConfigDict, spec: TrajectoriesSpec, lengths: tuple[int, ...]
) -> HistorySearch:
    """Makes the search that keeps the caches of all start steps and appends three tokens to each at every turn."""
    state_window = config.state_window if spec.sees_history else None
    num_starts = config.context_length

    def init(num_users: int) -> IncrementalMemory:
        window = token_window.empty(num_users, 2, config.width, state_window)
        zeros = jnp.zeros(num_users, jnp.int32)
        caches = network.backbone.empty_start_caches(num_users, num_starts, TOKENS_PER_TURN)
        return IncrementalMemory(window, zeros, zeros, caches)

    def best_history(
        model: MDT4RecNetwork, memory: IncrementalMemory, last_action: Array, observation: Observation
    ) -> tuple[IncrementalMemory, BestHistory]:
        window = append_observation(model, memory.window, last_action, observation)
        length = jnp.minimum(jnp.where(observation.turn == 0, 0, memory.length) + 1, num_starts)
        clock = memory.clock[0]
        newest = window.tokens.reshape(len(length), 2 * TOKENS_PER_TURN, -1)[:, 1 : 1 + TOKENS_PER_TURN]
        mask = start_caches.visible_positions(clock, length, memory.caches, num_starts, TOKENS_PER_TURN)
        starts = (clock - jnp.asarray(lengths) + 1) % num_starts
        state, unfinished, caches = model.backbone.append_block(memory.caches, newest, mask, clock, starts=starts)

        def previous_action_of(index: Array) -> Array:
            return model.backbone.previous_output(unfinished, starts[index])

        index, history = choose_history(model, state, previous_action_of, length, lengths)
        memory = IncrementalMemory(window, length, memory.clock + 1, caches)
        return memory, history.replace(cache=BestStart(starts[index], mask))

    def append_return(
        model: MDT4RecNetwork, memory: IncrementalMemory, history: BestHistory, token: Array
    ) -> tuple[IncrementalMemory, Array]:
        return_output = model.backbone.next_output(memory.caches, token, history.cache.mask, history.cache.start)
        return memory.replace(window=token_window.write(memory.window, RETURN, token)), return_output

    search = HistorySearch(init, best_history, append_return)
    return in_user_groups(search, _USER_GROUPS) if jax.default_backend() == "cpu" else search

"""M Algorithm 1: the search for the history length with the highest maximum return R^.

Each candidate history starts at another step, and the output of a token depends on where its sequence starts, so the
tokens must be encoded once per candidate. `batched_best_history` encodes all candidates of all users in one call and
keeps keys and values of the best one, so that appending the return token costs the encoding of one token.
`looped_best_history` is the algorithm as printed, for tests, for benchmarks, and for a backbone that has only a plain
forward pass. `incremental_search` keeps keys and values of every start step between turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import token_window
from jaxrec.algorithms.decision_transformer.mdt4rec_network import ACTION, RETURN, STATE, MDT4RecNetwork
from jaxrec.algorithms.decision_transformer.token_window import TokenWindow
from jaxrec.base.contracts import Array
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec


class HistorySearch(NamedTuple):
    """How a policy finds the best history of each user; its memory is what it keeps of the users between turns.

    Attributes:
      init: (num_users) -> memory.
      best_history: (model, memory, last_action, observation) -> (memory, BestHistory), where `model` is the bound
        network.
      append_return: (model, memory, BestHistory, return token [B, D]) -> (memory, h(R_t) [B, D]). Appends the token of
        the return that is asked for to each user's best history, and returns the transformer's output at that token,
        from which the action is predicted.
    """

    init: Callable[[int], Any]
    best_history: Callable[[MDT4RecNetwork, Any, Array, Observation], tuple[Any, BestHistory]]
    append_return: Callable[[MDT4RecNetwork, Any, BestHistory, Array], tuple[Any, Array]]


@struct.dataclass
class BestHistory:
    """The history with the highest R^_t of each of B users.

    Attributes:
      length: int32 [B], in turns. max_return: float32 [B], R^_t; 0 where the network does not predict it.
      state: float32 [B, D], h(s_t). previous_action: float32 [B, D], h(a_{t-1}); zeros where the length is 1.
      cache: what `append_return` continues from; None from `looped_best_history`.
    """

    length: Array
    max_return: Array
    state: Array
    previous_action: Array
    cache: Any


def candidate_lengths(context_length: int, step: int) -> tuple[int, ...]:
    """Returns the candidate lengths in turns: 1, 1 + step, 1 + 2 step, ..., and `context_length` (M Algorithm 1,
    line 1)."""
    return (*range(1, context_length, step), context_length)


def best_candidate(max_return: Array, lengths: tuple[int, ...], available: Array) -> Array:
    """Returns the index int32 [B] of the candidate with the highest R^_t; of equal ones the longest.

    A user with fewer turns than the context length has candidates longer than the whole history. The first of them
    stands for the whole history; the others would repeat it and are left out.

    Args:
      max_return: float32 [B, K], R^_t of every candidate. lengths: of the K candidates in turns, ascending.
      available: int32 [B], turns of the whole history.
    """
    shorter = jnp.asarray((0, *lengths[:-1]))
    distinct = shorter[None] < available[:, None]
    scores = jnp.where(distinct, max_return, -jnp.inf)
    return len(lengths) - 1 - jnp.argmax(jnp.flip(scores, 1), axis=1)


def make_batched_search(
    network: MDT4RecNetwork, config: ConfigDict, spec: TrajectoriesSpec, lengths: tuple[int, ...]
) -> HistorySearch:
    """Makes the search that remembers the window's tokens and encodes every candidate anew at each turn."""
    del network
    state_window = config.state_window if spec.sees_history else None

    def init(num_users: int) -> TokenWindow:
        return token_window.empty(num_users, config.context_length, config.width, state_window)

    def best_history(
        model: MDT4RecNetwork, window: TokenWindow, last_action: Array, observation: Observation
    ) -> tuple[TokenWindow, BestHistory]:
        window = append_observation(model, window, last_action, observation)
        tokens, valid = token_window.flat_tokens(window, 1)
        return window, batched_best_history(model, tokens, valid, window.length, lengths)

    def append_return(
        model: MDT4RecNetwork, window: TokenWindow, history: BestHistory, token: Array
    ) -> tuple[TokenWindow, Array]:
        return_output, _ = model.backbone.extend(history.cache, token[:, None])
        return token_window.write(window, RETURN, token), return_output[:, 0]

    return HistorySearch(init, best_history, append_return)


def in_user_groups(search: HistorySearch, num_groups: int) -> HistorySearch:
    """Makes the search that treats groups of neighbouring users separately, so that the groups may run in parallel."""

    def split(users: Any) -> list:
        """Returns one tree per group from a tree of arrays [B, ...]."""
        leaves, structure = jax.tree.flatten(users)
        groups = [jnp.array_split(leaf, min(num_groups, len(leaf))) for leaf in leaves]
        return [structure.unflatten(group) for group in zip(*groups, strict=True)]

    def join(groups: Sequence) -> Any:
        return jax.tree.map(lambda *x: jnp.concatenate(x), *groups)

    def init(num_users: int) -> tuple:
        return tuple(search.init(len(group)) for group in split(jnp.zeros(num_users)))

    def best_history(
        model: MDT4RecNetwork, memories: tuple, last_action: Array, observation: Observation
    ) -> tuple[tuple, BestHistory]:
        groups = zip(memories, split(last_action), split(observation), strict=True)
        memories, histories = zip(*[search.best_history(model, *group) for group in groups], strict=True)
        joined = join([history.replace(cache=None) for history in histories])
        return memories, joined.replace(cache=tuple(history.cache for history in histories))

    def append_return(
        model: MDT4RecNetwork, memories: tuple, history: BestHistory, token: Array
    ) -> tuple[tuple, Array]:
        without_caches = split(history.replace(cache=None))
        histories = [group.replace(cache=cache) for group, cache in zip(without_caches, history.cache, strict=True)]
        groups = zip(memories, histories, split(token), strict=True)
        memories, outputs = zip(*[search.append_return(model, *group) for group in groups], strict=True)
        return memories, join(outputs)

    return HistorySearch(init, best_history, append_return)


def append_observation(
    model: MDT4RecNetwork, window: TokenWindow, last_action: Array, observation: Observation
) -> TokenWindow:
    """Completes the newest step with the token of its action, and opens the next one with the token of the new
    state."""
    window = token_window.write(window, ACTION, model.tokens.actions(last_action, observation.turn - 1))
    window = token_window.open_step(window, observation)
    return token_window.write(window, STATE, model.tokens.states(*token_window.state_inputs(window, observation)))


def num_tokens(length: int) -> int:
    """Returns the number of tokens of a history of `length` turns, which ends with s_t."""
    return 3 * length - 2


def batched_best_history(
    model: MDT4RecNetwork, tokens: Array, valid: Array, available: Array, lengths: tuple[int, ...]
) -> BestHistory:
    """Returns the best history of each user, all candidates encoded in one call (M Algorithm 1).

    Args:
      model: the bound network.
      tokens: float32 [B, 3 T - 2, D], padded on the left, the last one that of s_t. valid: bool [B, 3 T - 2].
      available: int32 [B], turns of the whole history. lengths: of the candidates in turns, ascending.
    """
    sizes = tuple(num_tokens(length) for length in lengths)
    outputs, suffix_caches = model.backbone.encode_suffixes(tokens, valid, lengths=sizes, num_last=2)
    index, history = choose_history(model, *_state_and_previous_action(outputs), available, lengths)
    return history.replace(cache=suffix_caches.choose(index))


def looped_best_history(
    model: MDT4RecNetwork, tokens: Array, valid: Array, available: Array, lengths: tuple[int, ...]
) -> BestHistory:
    """Returns the best history of each user by one forward pass per candidate, as M Algorithm 1 is printed; arguments
    as for `batched_best_history`."""
    outputs = []
    for length in lengths:
        size = num_tokens(length)
        real = valid[:, valid.shape[1] - size :]
        hidden = model.backbone(tokens[:, tokens.shape[1] - size :], real[:, None] & jnp.tri(size, dtype=bool)[None])
        outputs.append(jnp.pad(hidden[:, -2:], ((0, 0), (2 - min(2, size), 0), (0, 0))))
    last_two = _state_and_previous_action(jnp.stack(outputs, axis=1))
    return choose_history(model, *last_two, available, lengths)[1]


def choose_history(
    model: MDT4RecNetwork,
    state: Array,
    previous_action_of: Callable[[Array], Array],
    available: Array,
    lengths: tuple[int, ...],
) -> tuple[Array, BestHistory]:
    """Predicts R^_t of every candidate and chooses the best one (M Algorithm 1, lines 2 to 4).

    Args:
      state: float32 [B, K, D], h(s_t) under every candidate.
      previous_action_of: (index int32 [B]) -> h(a_{t-1}) [B, D] under each user's candidate of that index.
      available: int32 [B], turns of the whole history. lengths: of the K candidates in turns, ascending.

    Returns:
      (the index int32 [B] of the best candidate, BestHistory without a cache).
    """
    max_return = model.predict_max_return(state) if model.use_max else jnp.zeros(state.shape[:-1])
    index = best_candidate(max_return, lengths, available)
    users = jnp.arange(len(index))
    length = jnp.minimum(jnp.asarray(lengths)[index], available)
    previous_action = jnp.where(length[:, None] > 1, previous_action_of(index), 0.0)
    return index, BestHistory(length, max_return[users, index], state[users, index], previous_action, None)


def _state_and_previous_action(last_two: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Returns `state` and `previous_action_of` for `choose_history`, from the outputs [B, K, 2, D] of the tokens
    a_{t-1} and s_t under every candidate."""
    return last_two[:, :, 1], lambda index: last_two[jnp.arange(len(index)), index, 0]

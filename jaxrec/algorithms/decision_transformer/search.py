"""Algorithm 1 of paper M: how much of the history to act on, decided by the highest return it promises.

Each candidate length sees another beginning, so its tokens must be encoded anew; `search` encodes all candidates of all
users in one call and keeps the winner's keys and values, so that the return token costs one token (`incremental` keeps
those of every beginning instead). `search_loop` is the algorithm as printed, for tests and benchmarks, and for a
backbone that has only its plain forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from ml_collections import ConfigDict

from jaxrec.algorithms.decision_transformer import window
from jaxrec.algorithms.decision_transformer.mdt4rec_network import Network
from jaxrec.base.contracts import Array
from jaxrec.base.records import Observation
from jaxrec.base.specs import TrajectoriesSpec


class Search(NamedTuple):
    """How a policy looks for the best history; `memory` is what it keeps of each user between turns.

    `init(num_users) -> memory`; `find(model, memory, last_action, observation) -> (memory, Found)`;
    `respond(model, memory, found, token [B, D]) -> (memory, hidden [B, D])`, the output of the return token put after
    the history that was found.
    """

    init: Callable[[int], Any]
    find: Callable[[Network, Any, Array, Observation], tuple[Any, Found]]
    respond: Callable[[Network, Any, Found, Array], tuple[Any, Array]]


@struct.dataclass
class Found:
    """Of each user's best history: its `length` int32 [B], R^ [B] (0 without the expectile), h(s_t) and h(a_{t-1})
    [B, D], and what `Search.respond` continues it with (None from the loop)."""

    length: Array
    max_return: Array
    state: Array
    previous: Array
    cache: Any


def candidate_lengths(context_length: int, step: int) -> tuple[int, ...]:
    """1, 1 + step, ..., and `context_length` itself, in turns (M Algorithm 1, line 1)."""
    return (*range(1, context_length, step), context_length)


def best(max_return: Array, lengths: tuple[int, ...], available: Array) -> Array:
    """Index [B] of the highest of `max_return` [B, K]; a tie keeps the longest.

    Where fewer than T turns are `available` [B], the whole history stands for the first candidate that reaches it and
    longer candidates, which would repeat it, are out.
    """
    shorter = jnp.asarray((0, *lengths[:-1]))
    reachable = shorter[None] < available[:, None]
    scores = jnp.where(reachable, max_return, -jnp.inf)
    return len(lengths) - 1 - jnp.argmax(jnp.flip(scores, 1), axis=1)


def batched(network: Network, config: ConfigDict, spec: TrajectoriesSpec, lengths: tuple[int, ...]) -> Search:
    """Keeps the window's tokens and encodes every candidate anew at each turn."""
    del network
    state_window = config.state_window if spec.sees_history else None

    def init(num_users: int) -> window.Window:
        return window.empty(num_users, config.context_length, config.width, state_window)

    def find(
        model: Network, steps: window.Window, last_action: Array, observation: Observation
    ) -> tuple[window.Window, Found]:
        steps = observe(model, steps, last_action, observation)
        return steps, search(model, *window.sequence(steps, 1), steps.length, lengths)

    def respond(model: Network, steps: window.Window, found: Found, token: Array) -> tuple[window.Window, Array]:
        given, _ = model.backbone.extend(found.cache, token[:, None])
        return window.write(steps, 1, token), given[:, 0]

    return Search(init, find, respond)


def in_groups(search: Search, num_groups: int) -> Search:
    """The same search for groups of neighbouring users that share nothing, so that they may run side by side."""

    def split(rows: Any) -> list:
        """A tree of [B, ...] as one tree per group."""
        leaves, form = jax.tree.flatten(rows)
        parts = [jnp.array_split(leaf, min(num_groups, len(leaf))) for leaf in leaves]
        return [form.unflatten(part) for part in zip(*parts, strict=True)]

    def joined(parts: Sequence) -> Any:
        return jax.tree.map(lambda *x: jnp.concatenate(x), *parts)

    def init(num_users: int) -> tuple:
        return tuple(search.init(len(part)) for part in split(jnp.zeros(num_users)))

    def find(model: Network, memories: tuple, *observed: Any) -> tuple[tuple, Found]:
        parts = [search.find(model, *given) for given in zip(memories, *map(split, observed), strict=True)]
        memories, found = zip(*parts, strict=True)
        whole = joined([part.replace(cache=None) for part in found])
        return memories, whole.replace(cache=tuple(part.cache for part in found))

    def respond(model: Network, memories: tuple, found: Found, token: Array) -> tuple[tuple, Array]:
        alone = split(found.replace(cache=None))
        founds = [part.replace(cache=cache) for part, cache in zip(alone, found.cache, strict=True)]
        parts = [search.respond(model, *given) for given in zip(memories, founds, split(token), strict=True)]
        memories, hidden = zip(*parts, strict=True)
        return memories, joined(hidden)

    return Search(init, find, respond)


def observe(model: Network, steps: window.Window, last_action: Array, observation: Observation) -> window.Window:
    """Adds the action taken last to the step it belongs to, and opens a step with the new state."""
    steps = window.write(steps, 2, model.tokens.actions(last_action, observation.turn - 1))
    steps = window.advance(steps, observation)
    return window.write(steps, 0, model.tokens.states(*window.state_inputs(steps, observation)))


def num_tokens(length: int) -> int:
    """Tokens of a history of `length` turns that ends at s_t."""
    return 3 * length - 2


def search(model: Network, tokens: Array, valid: Array, available: Array, lengths: tuple[int, ...]) -> Found:
    """The best history of each user (M Algorithm 1), all candidates in one call.

    Args:
      model: the bound network. tokens: [B, 3T - 2, D], up to s_t, newest last. valid: bool [B, 3T - 2].
      available: int32 [B], real turns. lengths: candidates in turns, ascending.
    """
    hidden, suffixes = model.backbone.suffixes(tokens, valid, lengths=tuple(num_tokens(n) for n in lengths), num_last=2)
    index, found = decide(model, *_from_last_two(hidden), available, lengths)
    return found.replace(cache=suffixes.choose(index))


def search_loop(model: Network, tokens: Array, valid: Array, available: Array, lengths: tuple[int, ...]) -> Found:
    """The same by one plain forward pass per candidate (M Algorithm 1 as printed)."""
    outputs = []
    for length in lengths:
        size = num_tokens(length)
        real = valid[:, valid.shape[1] - size :]
        hidden = model.backbone(tokens[:, tokens.shape[1] - size :], real[:, None] & jnp.tri(size, dtype=bool)[None])
        outputs.append(jnp.pad(hidden[:, -2:], ((0, 0), (2 - min(2, size), 0), (0, 0))))
    return decide(model, *_from_last_two(jnp.stack(outputs, axis=1)), available, lengths)[1]


def decide(
    model: Network,
    state: Array,
    previous: Callable[[Array], Array],
    available: Array,
    lengths: tuple[int, ...],
) -> tuple[Array, Found]:
    """Index [B] of the winner, and what is found of it, from h(s_t) [B, K, D] of every candidate.

    `previous(index)` is h(a_{t-1}) [B, D] of the candidates `index`.
    """
    max_return = model.read_max_return(state) if model.use_max else jnp.zeros(state.shape[:-1])
    index = best(max_return, lengths, available)
    rows = jnp.arange(len(index))
    length = jnp.minimum(jnp.asarray(lengths)[index], available)
    before = jnp.where(length[:, None] > 1, previous(index), 0.0)
    return index, Found(length, max_return[rows, index], state[rows, index], before, None)


def _from_last_two(hidden: Array) -> tuple[Array, Callable[[Array], Array]]:
    """What `decide` takes, from the last two outputs [B, K, 2, D] of every candidate."""
    return hidden[:, :, 1], lambda index: hidden[jnp.arange(len(index)), index, 0]

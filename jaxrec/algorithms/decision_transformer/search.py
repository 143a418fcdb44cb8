"""Algorithm 1 of paper M: how much of the history to act on, decided by the highest return it promises.

Each candidate length sees another beginning, so its tokens must be encoded anew; `search` encodes all candidates of all
users in one call and keeps the winner's keys and values, so that the return token costs one token. `search_loop` is the
algorithm as printed, for tests and benchmarks, and for a backbone that has only its plain forward pass.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import struct

from jaxrec.algorithms.decision_transformer.network import Network
from jaxrec.models.caches import Cache

Array = jax.Array


@struct.dataclass
class Found:
    """Of each user's best history: its `length` int32 [B], R^ [B] (0 without the expectile), h(s_t) and h(a_{t-1})
    [B, D], and the keys and values of its tokens (None from the loop)."""

    length: Array
    max_return: Array
    state: Array
    previous: Array
    cache: Cache | None


def candidate_lengths(context_length: int, step: int) -> tuple[int, ...]:
    """1, 1 + step, ..., and `context_length` itself, in turns."""
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


def num_tokens(length: int) -> int:
    """Tokens of a history of `length` turns that ends at s_t."""
    return 3 * length - 2


def search(model: Network, tokens: Array, valid: Array, available: Array, lengths: tuple[int, ...]) -> Found:
    """The best history of each user.

    Args:
      model: the bound network. tokens: [B, 3T - 2, D], up to s_t, newest last. valid: bool [B, 3T - 2].
      available: int32 [B], real turns. lengths: candidates in turns, ascending.
    """
    hidden, suffixes = model.backbone.suffixes(tokens, valid, lengths=tuple(num_tokens(n) for n in lengths), num_last=2)
    index, found = _decide(model, hidden, available, lengths)
    return found.replace(cache=suffixes.choose(index))


def search_loop(model: Network, tokens: Array, valid: Array, available: Array, lengths: tuple[int, ...]) -> Found:
    """The same by one plain forward pass per candidate."""
    outputs = []
    for length in lengths:
        size = num_tokens(length)
        real = valid[:, valid.shape[1] - size :]
        hidden = model.backbone(tokens[:, tokens.shape[1] - size :], real[:, None] & jnp.tri(size, dtype=bool)[None])
        outputs.append(jnp.pad(hidden[:, -2:], ((0, 0), (2 - min(2, size), 0), (0, 0))))
    return _decide(model, jnp.stack(outputs, axis=1), available, lengths)[1]


def _decide(model: Network, hidden: Array, available: Array, lengths: tuple[int, ...]) -> tuple[Array, Found]:
    """Index [B] of the winner, and what is found of it, from the last two outputs [B, K, 2, D] of every candidate."""
    state = hidden[:, :, 1]
    max_return = model.read_max_return(state) if model.use_max else jnp.zeros(state.shape[:-1])
    index = best(max_return, lengths, available)
    rows = jnp.arange(len(index))
    length = jnp.minimum(jnp.asarray(lengths)[index], available)
    previous = jnp.where(length[:, None] > 1, hidden[rows, index, 0], 0.0)
    return index, Found(length, max_return[rows, index], state[rows, index], previous, None)

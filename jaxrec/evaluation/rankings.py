"""Full-ranking evaluation of next-item models: every item after a sequence's first is a target, ranked among all items.

Items of equal score rank in the order of their index, as `jax.lax.top_k` has them.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.contracts import Algorithm, Array, Evaluator, Measured, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Sequences
from jaxrec.base.specs import Spec
from jaxrec.data.sequences import NextItem, after
from jaxrec.evaluation import ranking_metrics
from jaxrec.evaluation.ranking_metrics import Ranking
from jaxrec.models import caches
from jaxrec.models.history import EVERY, take

_SCORES = 8 << 20  # float32 numbers held at once


def defaults() -> ConfigDict:
    """What an `evaluate` stage by rankings may set."""
    return ConfigDict({"ks": (5, 10, 20)})  # where ranked lists are cut


def make(config: ConfigDict, spec: Spec) -> Evaluator:
    """Ranks every target of the held-out sequences of `data.sequences.NextItem`: {"ranking/metric": scalar}.

    Raises:
      JaxrecError: a k that is no rank.
    """
    ranges.check("evaluator.", config, {"ks": ranges.COUNTS})

    def check(algorithm: Algorithm, name: str) -> None:
        if algorithm.ranker is None:
            raise JaxrecError(f"{name!r} is no next-item model, so it ranks no sequences")

    def measure(algorithm: Algorithm) -> Callable[[Params, NextItem, Array], Measured]:
        count = counter(*algorithm.ranker, num_items=spec.num_items, ks=config.ks)

        def ranked(params: Params, data: NextItem, key: Array) -> Measured:
            del key
            before = data.before or (None,) * len(data.test)
            history = data.train if data.history is None else data.history
            buckets = zip(data.test, data.past, before, strict=True)
            parts = [count(params, rows, past, history, first) for rows, past, first in buckets]
            joined = functools.reduce(operator.add, parts)
            options = {"ks": config.ks, "past": spec.past_sessions}
            metrics = ranking_metrics.summary(joined, tail=spec.tail, **options)
            named = {f"ranking/{metric}": value for metric, value in metrics.items()}
            return Measured(named, ranking_metrics.by_session(joined, **options))

        return ranked

    return Evaluator(check, measure, draws=False)


def counter(
    states: Callable[..., Array],
    scores: Callable[[Params, Array], Array],
    context: Callable[[Params, Sequences, Array], Array] | None = None,
    *,
    num_items: int,
    ks: Sequence[int] = (5, 10, 20),
    last: bool = False,
    batch_size: int | None = None,
) -> Callable[..., Ranking]:
    """`count(params, sequences, past=None, history=None, before=None) -> Ranking` of the N sequences, jitted; add those
    of several buckets.

    Args:
      states: (params, item [B, T], feedback, mask) -> [B, T, D], the state after each item from those up to it.
      scores: (params, states [R, D]) -> [R, A]; of 32 MB at once, whatever the length of a sequence.
      context: (params, history, user [B]) -> [B, ...], what `states` is handed of each row's user beside the row;
        `history`, sequences by user and time, is then needed.
      last: rank the last item of each row alone (leave-one-out), not every item after the first.
      batch_size: sequences at once; by default as many as have their scores in 32 MB, on a CPU no more than it encodes
        well at once.

    `past` int32 [N, P], padded with -1, is what each row's user met in earlier sessions (`data.sequences.past`), and
    `before` rows [N, H] that a model sees in front of each sequence and is not measured on (`data.sequences.before`).

    Raises:
      JaxrecError: a k that is no rank.
    """
    if not ks or min(ks) < 1:
        raise JaxrecError(f"ranks to cut lists at are whole numbers from 1 upward; found {tuple(ks)}")
    longest = min(max(ks), num_items)

    def batch(
        params: Params, history: Sequences | None, rows: Sequences, past: Array, before: Sequences | None
    ) -> Ranking:
        known = (context(params, history, rows.user),) if context else ()
        asked = jnp.maximum(rows.mask.sum(1, keepdims=True) - 2, 0) if last else EVERY
        target, real = (take(x[:, 1:], asked) for x in (rows.item, rows.mask))
        places = asked
        if before is not None:
            places = jnp.arange(rows.item.shape[1] - 1)[None] if asked is EVERY else asked
            rows, start = after(before, rows)
            places = places + start[:, None]
        item, feedback, mask = (x[:, :-1] for x in (rows.item, rows.feedback, rows.mask))
        hidden = states(params, item, feedback, mask, *known, places=places)
        (top,) = caches.in_chunks(
            lambda states: (jax.lax.top_k(scores(params, states), longest)[1],),
            (hidden.reshape(-1, hidden.shape[-1]),),
            max(_SCORES // num_items, 1),
        )
        top = top.reshape(*hidden.shape[:2], longest)
        return ranking_metrics.count(top, target, real, past, ks=ks, num_items=num_items)

    @jax.jit
    def count(
        params: Params,
        sequences: Sequences,
        past: Array | None = None,
        history: Sequences | None = None,
        before: Sequences | None = None,
    ) -> Ranking:
        rows, length = sequences.item.shape
        past = jnp.full((rows, 1), -1) if past is None else past
        encoded = length if before is None else length * before.item.shape[1]  # then a window for each place
        fitting = min(max(_SCORES // ((1 if last else length) * num_items), 1), caches.rows_at_once(encoded))
        size = min(batch_size or fitting, rows)
        size = -(-rows // -(-rows // size))  # batches of equal size, with as little padding as they allow
        batches = jax.tree.map(lambda x: _cut(x, size), (sequences, past, before))

        def add(covered: Array, part: tuple) -> tuple[Array, Ranking]:
            found = batch(params, history, *part)
            return covered | found.covered, found.replace(covered=None)

        covered, found = jax.lax.scan(add, jnp.zeros((len(ks), num_items), bool), batches)
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:rows], found).replace(covered=covered)

    return count


def _cut(values: Array, size: int) -> Array:
    """[N, ...] -> [C, size, ...], filled up with zeros (masked rows)."""
    count = -(-len(values) // size)
    padded = jnp.pad(values, [(0, count * size - len(values))] + [(0, 0)] * (values.ndim - 1))
    return padded.reshape(count, size, *values.shape[1:])

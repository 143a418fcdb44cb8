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

from jaxrec.base import finite, ranges
from jaxrec.base.chunks import chunk_rows, join_chunks, map_chunks
from jaxrec.base.contracts import Algorithm, Array, Evaluator, Measured, Params
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec
from jaxrec.batches.joined_sequences import join
from jaxrec.evaluation import ranking_metrics
from jaxrec.evaluation.ranking_metrics import Ranking
from jaxrec.models import caches
from jaxrec.models.history import at_positions

DRAWS = False
_SCORES = 8 << 20  # float32 numbers held at once, 32 MB


def defaults() -> ConfigDict:
    """Returns the options of an `evaluate` stage by rankings."""
    return ConfigDict({"ks": (5, 10, 20)})  # where ranked lists are cut


def make(config: ConfigDict, spec: SequencesSpec) -> Evaluator:
    """Makes the evaluator of next-item models: it ranks every target of the held-out sequences of `records.NextItem`.

    What it measures is named "ranking/HR@10" and so on, a scalar for each metric of `ranking_metrics` and each of the
    config's `ks`.

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

    return Evaluator(check, measure, DRAWS)


def counter(
    states: Callable[..., Array],
    states_at: Callable[..., Array],
    scores: Callable[[Params, Array], Array],
    context: Callable[[Params, Sequences, Array], Array] | None = None,
    *,
    num_items: int,
    ks: Sequence[int] = (5, 10, 20),
    last: bool = False,
    batch_size: int | None = None,
) -> Callable[..., Ranking]:
    """Makes the jitted `count(params, sequences, past=None, history=None, before=None) -> Ranking`.

    `count` ranks the targets of N sequences [N, T] and returns sums per sequence; add the Rankings of several buckets.
      past: int32 [N, P], padded with -1, the items that each row's user met in earlier sessions
        (`data.earlier_items`).
      history: Sequences by user and time; needed where the model has a `context`.
      before: Sequences [N, H], items that the model reads before each sequence and that are no targets
        (`data.earlier_items`).

    Args:
      states, states_at, scores, context: the parts of a `contracts.Ranker`, in its order. Scores are computed 32 MB at
        a time, whatever the length of a sequence.
      ks: the ranks at which lists are cut.
      last: ranks the last item of each row only (leave-one-out), not every item after the first.
      batch_size: sequences at once. By default as many as have their scores in 32 MB, on a CPU no more than its cache
        holds while they are encoded.

    Raises:
      JaxrecError: a k below 1, or none.
    """
    if not ks or min(ks) < 1:
        raise JaxrecError(f"ranks to cut lists at are whole numbers from 1 upward; found {tuple(ks)}")
    longest = min(max(ks), num_items)

    def target_states(
        params: Params, rows: Sequences, before: Sequences | None, contexts: tuple[Array, ...]
    ) -> tuple[Array, Array, Array]:
        """Returns (target int32 [B, P], whether it is one bool [B, P], the state before it [B, P, D])."""
        target, real = rows.item[:, 1:], rows.mask[:, 1:]
        if before is None and not last:
            return target, real, states(params, *_inputs(rows), *contexts)
        positions = jnp.arange(target.shape[1])[None]
        if last:
            positions = jnp.maximum(rows.mask.sum(1, keepdims=True) - 2, 0)
            target, real = at_positions(target, positions), at_positions(real, positions)
        if before is not None:
            rows, start = join(before, rows)
            positions = positions + start[:, None]
        return target, real, states_at(params, *_inputs(rows), positions, *contexts)

    def rank(
        params: Params, history: Sequences | None, rows: Sequences, past: Array, before: Sequences | None
    ) -> Ranking:
        contexts = (context(params, history, rows.user),) if context else ()
        target, real, hidden = target_states(params, rows, before, contexts)

        def best_items(states: Array) -> tuple[Array, Array]:
            values = scores(params, states)
            return jax.lax.top_k(values, longest)[1], finite.rankable(values)

        top, scored = map_chunks(best_items, (hidden.reshape(-1, hidden.shape[-1]),), max(_SCORES // num_items, 1))
        options = {"ks": ks, "num_items": num_items, "scored": scored.reshape(hidden.shape[:2])}
        return ranking_metrics.ranking_sums(top.reshape(*hidden.shape[:2], longest), target, real, past, **options)

    @jax.jit
    def count(
        params: Params,
        sequences: Sequences,
        past: Array | None = None,
        history: Sequences | None = None,
        before: Sequences | None = None,
    ) -> Ranking:
        num_rows, length = sequences.item.shape
        past = jnp.full((num_rows, 1), -1) if past is None else past
        # Behind earlier items each position of a long row is encoded in a window of its own.
        tokens = length if before is None else length * before.item.shape[1]
        fitting = min(max(_SCORES // ((1 if last else length) * num_items), 1), caches.rows_at_once(tokens))
        batches = chunk_rows((sequences, past, before), batch_size or fitting)

        def add(covered: Array, batch: tuple) -> tuple[Array, Ranking]:
            ranking = rank(params, history, *batch)
            return covered | ranking.covered, ranking.replace(covered=None)

        covered, ranking = jax.lax.scan(add, jnp.zeros((len(ks), num_items), bool), batches)
        return join_chunks(ranking, num_rows).replace(covered=covered)

    return count


def _inputs(rows: Sequences) -> tuple[Array, Array, Array]:
    """Returns what the model reads of rows [B, T]: item, feedback and mask [B, T - 1], without the last position."""
    return rows.item[:, :-1], rows.feedback[:, :-1], rows.mask[:, :-1]

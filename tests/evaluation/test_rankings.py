"""Ranking metrics against an oracle that goes list by list in Python, and against numbers by hand."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Sequences
from jaxrec.data.long_tail import tail_items as tail_of
from jaxrec.evaluation import ranking_metrics, rankings
from jaxrec.models.history import at_positions
from jaxrec.reporting import significance


def oracle(scores, item, mask, past, tail, ks):
    """scores [N, T, A]; item, mask [N, T + 1]; past: sets."""
    found = {}
    for k in ks:
        hit, gain, surprise_hit, surprise_gain = [], [], [], []
        covered, repeats, unexpected = set(), [], []
        for row in range(len(item)):
            lists = []
            for t in range(item.shape[1] - 1):
                if not mask[row, t + 1]:
                    continue
                order = sorted(range(scores.shape[2]), key=lambda i: (-scores[row, t, i], i))[:k]
                target = item[row, t + 1]
                rank = order.index(target) if target in order else None
                value = 0.0 if rank is None else 1 / math.log2(rank + 2)
                hit.append(rank is not None)
                gain.append(value)
                if target not in past[row]:
                    surprise_hit.append(rank is not None)
                    surprise_gain.append(value)
                lists.append(order)
            if lists:
                shown = [i for order in lists for i in order]
                covered |= set(shown)
                repeats.append(len(shown) - len(set(shown)))
                unexpected.append(np.mean([sum(i not in past[row] for i in order) for order in lists]))
        found |= {f"HR@{k}": np.mean(hit), f"NDCG@{k}": np.mean(gain), f"R@{k}": np.mean(repeats)}
        found |= {f"CV_div@{k}": len(covered) / len(tail), f"UP@{k}": np.mean(unexpected)}
        found[f"CV_nov@{k}"] = len({i for i in covered if tail[i]}) / tail.sum()
        found |= {f"HR_ser@{k}": np.mean(surprise_hit), f"NDCG_ser@{k}": np.mean(surprise_gain)}
    return found


@pytest.mark.parametrize(("num_items", "levels"), [(40, 1000), (40, 4), (6, 3)], ids=["", "ties", "short lists"])
@pytest.mark.parametrize("batch_size", [None, 3])
def test_metrics_equal_the_oracle(num_items, levels, batch_size):
    rng = np.random.default_rng(0)
    rows, length, ks = 14, 5, (1, 5, 10)
    scores = rng.integers(0, levels, (rows, length, num_items)).astype(np.float32)
    item = rng.integers(0, num_items, (rows, length + 1)).astype(np.int32)
    mask = np.arange(length + 1)[None] < rng.integers(0, length + 2, rows)[:, None]
    past = [set(rng.integers(0, num_items, rng.integers(0, 6)).tolist()) for _ in range(rows)]
    padded = np.full((rows, 6), -1, np.int32)
    for row, items in enumerate(past):
        padded[row, : len(items)] = sorted(items)
    tail = tail_of(np.arange(num_items), head=0.25)
    count = rankings.counter(
        lambda params, item, feedback, mask: params[feedback[:, :, 0].astype(int), jnp.arange(length)[None]],
        None,
        lambda params, states: states,
        num_items=num_items,
        ks=ks,
        batch_size=batch_size,
    )
    # The feedback says which row it is, so that the scores can be looked up.
    row_number = np.broadcast_to(np.arange(rows, dtype=np.float32)[:, None, None], (rows, length + 1, 1))
    sequences = Sequences(item=item, feedback=row_number, mask=mask, user=np.arange(rows))
    found = ranking_metrics.summary(count(jnp.asarray(scores), sequences, padded), ks=ks, tail=tail, past=True)
    expected = oracle(scores, item, mask, past, tail, ks)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, err_msg=name)


def test_scores_that_are_not_finite_measure_nothing():
    """NaN parameters would rank the items by their index; only what stands at a real target counts."""
    item = np.array([[0, 1, 2], [3, 4, 0]])
    rows = Sequences(item, np.zeros((2, 3)), np.array([[True, True, True], [True, True, False]]), np.arange(2))
    count = rankings.counter(
        lambda params, item, feedback, mask: params, None, lambda params, states: states, num_items=5, ks=(1, 2)
    )
    scores = jnp.zeros((2, 2, 5))

    def measured(scores):
        return ranking_metrics.summary(count(scores, rows), ks=(1, 2), tail=np.arange(5) > 2, past=True)

    fine = [scores, scores.at[1, 1].set(jnp.nan), scores.at[0, 0, 3].set(-jnp.inf)]  # none, at padding, never shown
    assert all(np.isfinite(value) for given in fine for value in measured(given).values())
    wrong = [scores.at[1, 0, 4].set(jnp.nan), scores.at[0, 1, 0].set(jnp.inf), scores.at[0, 0].set(-jnp.inf)]
    assert all(np.isnan(value) for given in wrong for value in measured(given).values())


def test_by_hand():
    top = jnp.array([[[3, 1], [3, 2], [0, 0]]])
    counted = ranking_metrics.ranking_sums(
        top, jnp.array([[1, 4, 0]]), jnp.array([[True, True, False]]), jnp.array([[3, -1]]), ks=(1, 2), num_items=5
    )
    tail = tail_of(np.array([9, 1, 1, 1, 8]), head=0.4)
    assert tail.tolist() == [False, True, True, True, False]
    found = {k: float(v) for k, v in ranking_metrics.summary(counted, ks=(1, 2), tail=tail, past=True).items()}
    assert found == pytest.approx(
        {
            "HR@1": 0,
            "HR@2": 0.5,
            "NDCG@1": 0,
            "NDCG@2": 0.5 / math.log2(3),
            "CV_div@1": 0.2,
            "CV_div@2": 0.6,
            "CV_nov@1": 1 / 3,
            "CV_nov@2": 1,
            "R@1": 1,
            "R@2": 1,
            "UP@1": 0,
            "UP@2": 1,
            "HR_ser@1": 0,
            "HR_ser@2": 0.5,
            "NDCG_ser@1": 0,
            "NDCG_ser@2": 0.5 / math.log2(3),
        }
    )


def test_buckets_add_up_and_nothing_counted_is_zero():
    item = jnp.array([[1, 2, 3], [2, 0, 1], [3, 3, 0], [0, 1, 0]])
    mask = jnp.array([[True, True, True], [True, True, False], [True, True, True], [True, False, False]])
    table = jax.random.normal(jax.random.key(0), (4, 4))
    count = rankings.counter(
        lambda params, item, feedback, mask: params[item], None, lambda params, states: states, num_items=4, ks=(2,)
    )
    sequences = Sequences(item, jnp.ones((4, 3)), mask, jnp.arange(4))
    parts = [jax.tree.map(lambda x, rows=rows: x[rows], sequences) for rows in (slice(0, 1), slice(1, 4))]
    joined = count(table, parts[0]) + count(table, parts[1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), joined, count(table, sequences))
    assert joined.targets.tolist() == [2, 1, 2, 0]
    each = jax.tree.map(np.asarray, ranking_metrics.by_session(joined, ks=(2,), past=True))
    summary = ranking_metrics.summary(joined, ks=(2,), past=True)
    compared = significance.compare(each, each)
    assert set(compared) == set(summary) - {"CV_div@2"} and each["targets"].tolist() == [2, 1, 2, 0]
    for metric, (ours, theirs, p) in compared.items():
        assert ours == theirs == pytest.approx(float(summary[metric])) and p == 1
    nothing = count(table, jax.tree.map(lambda x: x[3:], sequences))
    assert set(map(float, ranking_metrics.summary(nothing, ks=(2,)).values())) == {0.0}


def test_the_last_items_alone_are_ranked_where_that_is_asked_for():
    """Rows of 3, 2 and 1 items; each is followed by what its row of a table scores."""
    item = jnp.array([[1, 2, 3], [2, 0, 9], [3, 9, 9]])
    sequences = Sequences(item, jnp.ones((3, 3)), jnp.tri(3, dtype=bool)[::-1], jnp.arange(3))
    table = jnp.array([[0.0, 0, 0, 0], [9, 9, 9, 9], [0, 1, 2, 3], [0, 0, 0, 0]])
    look_up = lambda params, item, feedback, mask, positions: params[at_positions(item, positions)]  # noqa: E731
    count = rankings.counter(None, look_up, lambda params, states: states, num_items=4, ks=(1,), last=True)
    found = count(table, sequences)
    assert found.targets.tolist() == [1, 1, 0] and found.hit[:, 0].tolist() == [
        1,
        0,
        0,
    ]  # after 2 comes 3, the best; after 2 comes 0, the worst


def test_ranks_below_one_are_refused():
    with pytest.raises(JaxrecError, match=r"from 1 upward; found \(0, 5\)"):
        rankings.counter(None, None, None, num_items=4, ks=(0, 5))


def seen(params, item, feedback, mask):
    """A model of all items so far: [B, T, A]."""
    return jnp.cumsum(jax.nn.one_hot(item, params.shape[0]) * mask[..., None], axis=1) @ params


def seen_at(params, item, feedback, mask, positions):
    return at_positions(seen(params, item, feedback, mask), positions)


@pytest.mark.parametrize("last", [True, False])
def test_what_comes_before_is_seen_and_not_measured(last):
    rng, num_items = np.random.default_rng(0), 7
    params = jnp.asarray(rng.normal(size=(num_items, num_items)))
    lengths, sizes = np.array([3, 0, 5, 1]), np.array([4, 3, 2, 1]) if last else np.array([2, 2, 2, 2])

    def filled(width: int, size: np.ndarray) -> Sequences:
        item = rng.integers(0, num_items, (4, width))
        return Sequences(item, np.ones((4, width)), np.arange(width)[None] < size[:, None], np.arange(4))

    first, rows = filled(5, lengths), filled(4, sizes)
    item = [[*a[:m], *b[:n]] for a, m, b, n in zip(first.item, lengths, rows.item, sizes, strict=True)]
    whole = Sequences(
        jnp.array([[*row, *[0] * (9 - len(row))] for row in item]), jnp.ones((4, 9)),
        np.arange(9)[None] < (lengths + sizes)[:, None], jnp.arange(4),
    )  # fmt: skip
    parts = (seen, seen_at, lambda params, states: states)
    last_of = rankings.counter(*parts, num_items=num_items, ks=(2, 4), last=True)
    count = rankings.counter(*parts, num_items=num_items, ks=(2, 4), last=last, batch_size=3)
    found, expected = count(params, rows, before=first), last_of(params, whole)
    measured = sizes > 1
    assert (found.targets == measured).all() and measured.any()
    np.testing.assert_array_equal(found.hit[measured], expected.hit[measured])
    np.testing.assert_allclose(found.gain[measured], expected.gain[measured])


def test_a_long_sequence_has_no_score_for_every_position_at_once():
    num_items, length = 20_000, 2_000
    count = rankings.counter(
        lambda params, item, feedback, mask: params[item], None, lambda params, states: states @ params.T,
        num_items=num_items,
    )  # fmt: skip
    row = Sequences(jnp.zeros((1, length), jnp.int32), jnp.ones((1, length)), jnp.ones((1, length), bool), jnp.zeros(1))
    compiled = count.lower(jnp.zeros((num_items, 4)), row).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 100 << 20 < 4 * length * num_items

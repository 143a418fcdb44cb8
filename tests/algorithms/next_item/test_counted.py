"""Methods that count: sequential rules and V-SKNN against plain loops over the same sequences."""

from __future__ import annotations

from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxrec.algorithms.next_item import last_items, sequential_rules, session_neighbours
from jaxrec.base.records import NextItem, Sequences
from jaxrec.base.specs import SequencesSpec

ITEMS, LENGTH, ROWS = 17, 7, 60


@pytest.fixture(scope="module")
def data() -> NextItem:
    """Random rows of two to seven items, popular items more often; an item may come twice in a row."""
    draw = np.random.default_rng(0)
    item = np.minimum(draw.geometric(0.2, (ROWS, LENGTH)) - 1, ITEMS - 1).astype(np.int32)
    mask = np.arange(LENGTH)[None] < draw.integers(2, LENGTH + 1, ROWS)[:, None]
    rows = Sequences(item * mask, np.ones(item.shape, np.float32), mask, np.arange(ROWS, dtype=np.int32))
    return NextItem(rows, (rows,), (np.full((ROWS, 1), -1, np.int32),), np.bincount(item[mask], minlength=ITEMS))


def sessions(data: NextItem) -> list[list[int]]:
    return [list(row[mask]) for row, mask in zip(data.train.item, data.train.mask, strict=True)]


def ranked(module, data: NextItem, **options) -> np.ndarray:
    """Scores [N, T, A] after every position."""
    config = module.defaults()
    config.update(options)
    algorithm = module.make(config, SequencesSpec(ROWS, ITEMS, LENGTH - 1))
    params = algorithm.estimate(data)

    @jax.jit
    def score(params, rows):
        states = algorithm.ranker.states(params, rows.item, rows.feedback, rows.mask)
        return algorithm.ranker.scores(params, states.reshape(-1, states.shape[-1])).reshape(*rows.item.shape, ITEMS)

    return np.asarray(score(params, jax.tree.map(jnp.asarray, data.train)))


def compared(scores: np.ndarray, expected, data: NextItem) -> None:
    """Every prefix scores as `expected(items)` says, and what has no score is behind, by popularity."""
    for row, items in enumerate(sessions(data)):
        for position in range(len(items)):
            wanted, found = expected(items[: position + 1]), scores[row, position]
            scored = wanted > 0
            np.testing.assert_allclose(found[scored], wanted[scored], rtol=1e-5)
            assert (found[~scored] < 0).all()
            assert (np.diff(data.popularity[~scored][np.argsort(found[~scored])]) >= 0).all()


@pytest.mark.parametrize(("steps", "last", "decay", "most"), [(3, 5, 0.6, 1000), (1, 2, 1.0, 3), (6, 1, 0.0, 4)])
def test_sequential_rules_equal_a_loop_over_pairs(data, steps, last, decay, most):
    rules = defaultdict(lambda: np.zeros(ITEMS))
    for items in sessions(data):
        for start, before in enumerate(items):
            for distance, after in enumerate(items[start + 1 : start + 1 + steps], 1):
                rules[before][after] += 1 / distance
    for counted in rules.values():
        counted[np.argsort(-counted, kind="stable")[most:]] = 0

    def expected(items: list[int]) -> np.ndarray:
        return sum(decay**age * rules[item] for age, item in enumerate(items[::-1][:last]))

    compared(ranked(sequential_rules, data, steps=steps, last=last, decay=decay, most=most), expected, data)


@pytest.mark.parametrize(("last", "sequences", "neighbours"), [(10, 500, 100), (3, 500, 100), (10, 6, 60)])
def test_session_neighbours_equal_a_loop_over_sequences(data, last, sequences, neighbours):
    """No ties at the k-th neighbour are cut: k is large enough for all, and its cut has a test of its own."""
    rows = sessions(data)
    listed = {item: [n for n, row in enumerate(rows) if item in row][-sequences:] for item in range(ITEMS)}

    def expected(items: list[int]) -> np.ndarray:
        newest = items[::-1][:last]
        similarity, age = defaultdict(float), {}
        for position, item in enumerate(newest):
            if item in newest[:position]:
                continue
            for n in listed[item]:
                similarity[n] += 1 - position / len(newest)
                age.setdefault(n, position)
        votes = np.zeros(ITEMS)
        for n, shared in similarity.items():
            votes[list(set(rows[n]))] += shared / (1 + age[n])
        return votes

    options = {"last": last, "sequences": sequences, "neighbours": neighbours}
    compared(ranked(session_neighbours, data, **options), expected, data)


def test_only_the_most_similar_sequence_votes(data):
    """Of three sequences the one that shares two items outvotes those that share one."""
    item = np.array([[1, 2, 3], [1, 4, 4], [2, 5, 5]], np.int32)
    rows = Sequences(item, np.ones(item.shape, np.float32), np.ones(item.shape, bool), np.arange(3))
    few = NextItem(rows, (rows,), (np.full((3, 1), -1, np.int32),), np.bincount(item.reshape(-1), minlength=ITEMS))
    scores = ranked(session_neighbours, few, neighbours=1)[0, 1]  # after the items 1, 2
    assert set(np.flatnonzero(scores > 0)) == {1, 2, 3}


def test_states_are_the_last_items_of_each_position():
    ranker = last_items.make_ranker(3, lambda params, states: states)
    item, mask = jnp.array([[5, 6, 7, 8, 0]]), jnp.array([[True, True, True, True, False]])
    states = ranker.states({}, item, item * 1.0, mask)
    np.testing.assert_array_equal(states[0, :4], [[5, -1, -1], [6, 5, -1], [7, 6, 5], [8, 7, 6]])
    chosen = ranker.states_at({}, item, item * 1.0, mask, jnp.array([[3, 0]]))
    np.testing.assert_array_equal(chosen[0], states[0, [3, 0]])

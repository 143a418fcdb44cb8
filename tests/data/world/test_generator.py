"""What is generated: the same numbers everywhere, with the skews that the docstrings promise."""

from __future__ import annotations

import time

import jax
import numpy as np
import pytest

from jaxrec.base.errors import JaxrecError
from jaxrec.base.leaves import flat
from jaxrec.data.world import draws, logging_policy, settings
from jaxrec.data.world import generator as worlds
from tests.data import world_truth


@pytest.fixture(scope="module")
def world():
    return worlds.generate(worlds.defaults())


def test_the_stream_is_the_documented_one():
    bits = draws.stream(0, "items")
    words = np.random.PCG64(np.random.SeedSequence([0, 0xE11EE94D, 0])).random_raw(2)
    u, w = ((int(word) >> 11) / 2.0**53 for word in words)
    np.testing.assert_array_equal(draws.uniform(bits, 2), [u, w])
    first, second = draws.normal(draws.stream(0, "items"), 2)
    radius, angle = np.sqrt(-2 * np.log1p(-u)), 2 * np.pi * w
    np.testing.assert_allclose([first, second], [radius * np.cos(angle), radius * np.sin(angle)], rtol=1e-5)


def test_draws_have_the_moments_they_should():
    bits = draws.stream(3, "moments")
    sample = draws.normal(bits, 50_001)
    assert sample.shape == (50_001,) and abs(sample.mean()) < 0.02 and abs(sample.std() - 1) < 0.02
    drawn = np.bincount(draws.categorical(bits, draws.edges(np.array([1.0, 0.0, 3.0])), 40_000), minlength=3) / 40_000
    np.testing.assert_allclose(drawn, [0.25, 0, 0.75], atol=0.01)


def test_a_seed_names_one_world(world):
    again, other = worlds.generate(worlds.defaults()), worlds.defaults()
    other.seed = 1
    np.testing.assert_array_equal(world.tables.item_vectors, again.tables.item_vectors)
    np.testing.assert_array_equal(world.tables.user_mix, again.tables.user_mix)
    assert not np.allclose(world.tables.user_mix, worlds.generate(other).tables.user_mix)


def test_golden_numbers_of_seed_zero(world):
    """Logs, checkpoints and figures of other machines are comparable only while these stand."""
    tables = world.tables
    np.testing.assert_allclose(tables.item_vectors[0, :4], [-0.648332, -0.093238, -0.667306, -0.155066], atol=1e-5)
    np.testing.assert_allclose(tables.user_vectors[0, :4], [-0.129875, 0.865782, 0.071281, 0.04314], atol=1e-5)
    assert tables.item_category[100:110].tolist() == [2, 0, 2, 5, 6, 1, 3, 6, 5, 6]


def test_test_users_come_after_the_logged_and_change_nothing_else(world):
    config = worlds.defaults()
    config.num_test_users = 0
    fewer = worlds.generate(config)
    assert (world.num_users, fewer.num_users, world.num_logged) == (300, 200, 200)
    np.testing.assert_array_equal(world.tables.item_vectors, fewer.tables.item_vectors)
    np.testing.assert_array_equal(world.tables.drift, fewer.tables.drift)


def test_popularity_has_a_head_and_a_long_tail(world):
    shares = np.sort(world.popularity)[::-1]
    assert abs(shares.sum() - 1) < 1e-5
    assert shares[:24].sum() > 0.5 and shares[120:].sum() < 0.15
    quality, obscurity = world.tables.item_vectors[:, -2], world.tables.item_vectors[:, -1]
    assert (
        0.1 < np.corrcoef(np.log(world.popularity), quality)[0, 1] < 0.9
    )  # better than chance, far from a ranking by quality
    assert np.corrcoef(np.log(world.popularity), obscurity)[0, 1] < -0.8


def test_users_differ_in_intents_appetite_and_patience(world):
    tables = world.tables
    np.testing.assert_allclose(tables.user_mix.sum(1), 1, atol=1e-5)
    assert 0.2 < tables.user_mix.max(1).mean() < 0.6
    appetite = tables.user_vectors[:, -1]
    assert appetite.min() < -0.4 and appetite.max() > 0.4 and (tables.user_vectors[:, -2] == 1).all()
    assert tables.user_patience.min() >= 2.5 and tables.user_patience.max() <= 7.5


def test_communities_share_inclinations(world):
    mix = np.log(world.tables.user_mix)
    same = world.tables.user_community[:, None] == world.tables.user_community[None]
    likeness = np.corrcoef(mix)
    np.fill_diagonal(same, False)
    assert likeness[same].mean() > likeness[~same & ~np.eye(len(same), dtype=bool)].mean() + 0.2


def test_drift_starts_at_nothing_and_grows(world):
    drift, mix = world.tables.drift, world.tables.drift_mix
    assert (drift[:, 0] == 0).all() and (mix[:, 0] == 1).all() and (drift[..., -2:] == 0).all()
    distance = np.linalg.norm(drift, axis=-1).mean(0)
    assert distance[1] > 0.1 and distance[-1] > 1.5 * distance[1]


def test_transitions_leave_an_intent_and_favour_two_followers(world):
    transition = world.tables.transition
    assert (np.diag(transition) == 0).all()
    assert (np.sort(transition, 1)[:, 1:] == [1, 1, 1, 1, 1, 4, 4]).all()


def test_expected_feedback_by_hand(world):
    tables = world.tables
    with_second = int(np.flatnonzero(tables.item_second >= 0)[0])
    matrix = world_truth.expected_feedback(world, np.arange(world.num_users), np.arange(world.num_items))
    assert matrix.shape == (300, 240) and matrix.min() >= 1 and matrix.max() <= 5
    for user, item in ((0, 0), (17, with_second), (299, 239)):
        mix, second = tables.user_mix[user], tables.item_second[item]
        match = mix[tables.item_category[item]] + (0.5 * mix[second] if second >= 0 else 0)
        by_hand = 1.7 + 2.2 * match + float(np.dot(tables.user_vectors[user], tables.item_vectors[item]))
        assert abs(matrix[user, item] - np.clip(by_hand, 1, 5)) < 1e-4


def test_a_quarter_of_a_million_items_take_a_moment():
    config = worlds.defaults("million")
    config.num_items = 250_000
    start = time.perf_counter()
    world = worlds.generate(config)
    assert time.perf_counter() - start < 10  # measured: half a second; nothing users x items could be this fast
    assert world.tables.item_vectors.shape == (250_000, 18)
    assert len(np.unique(world.tables.item_category)) == 32


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_items", 1, "num_items is 1"),
        ("num_users", 0, "num_users is 0"),
        ("num_items", 5, "5 items cannot fill 8 categories"),
    ],
)
def test_impossible_sizes_get_one_line(name, value, message):
    config = worlds.defaults()
    config[name] = value
    with pytest.raises(JaxrecError, match=message):
        worlds.generate(config)
    with pytest.raises(JaxrecError, match="world size 'huge' is unknown"):
        worlds.defaults("huge")


@pytest.mark.parametrize(
    ("leaf", "value", "message"),
    [
        ("drift", -1.0, "world.drift is -1.0: set it to a number from 0 to 100"),
        ("dynamics.crowd", -1e30, "world.dynamics.crowd is -1e[+]30"),
        ("dynamics.low", 5.0, "world.dynamics.low is 5.0: set it below dynamics.high, 5.0"),
    ],
)
def test_settings_that_mean_nothing_are_named(leaf, value, message):
    config = worlds.defaults("tiny")
    config.update_from_flattened_dict({leaf: value})
    with pytest.raises(JaxrecError, match=message):
        worlds.generate(config)


CANDIDATES = (-1e12, -1000.0, -100.0, -10.0, 0.0, 1e-9, 1.0, 10.0, 100.0, 1000.0, 1e12)


def test_worlds_at_the_ends_of_every_range_are_finite():
    """With their logs; the sizes stay as they are."""
    for leaf, before in flat(worlds.defaults("tiny")).items():
        if isinstance(before, float):
            allowed = [value for value in CANDIDATES if settings.RANGES[leaf].holds(value)]
            for value in (allowed[0], allowed[-1]):
                config = worlds.defaults("tiny")
                config.update_from_flattened_dict({leaf: value})
                if not config.dynamics.low < config.dynamics.high:
                    continue
                world = worlds.generate(config)
                columns = logging_policy.simulate(world, logging_policy.defaults())
                for array in (*jax.tree.leaves(world.tables), world.popularity, columns["feedback"]):
                    assert np.isfinite(array).all(), (leaf, value)

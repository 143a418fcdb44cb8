"""What the embedded world must allow to be seen: who earns more than whom, and why. No method of ours takes part."""

from __future__ import annotations

import numpy as np
import pytest

from jaxrec.data.world import dynamics
from jaxrec.data.world import generator as worlds
from tests.data import world_policies as policies

STALE, ADAPTIVE = policies.adaptive(0.0), policies.adaptive(0.2)


@pytest.fixture(scope="module")
def world():
    return worlds.generate(worlds.defaults())


@pytest.fixture(scope="module")
def ladder(world):
    """Returns per policy, over the users that nobody logged."""
    users = np.arange(world.num_logged, world.num_users)
    named = {
        "random": policies.random,
        "popular": policies.popular,
        "static_cycle": policies.static_cycle,
        "personal_static": policies.personal_static,
        "stale": STALE,
        "adaptive": ADAPTIVE,
        "clairvoyant": policies.clairvoyant,
    }
    return {name: policies.play(world, policy, users=users) for name, policy in named.items()}


def test_there_is_room_between_random_popular_static_and_clairvoyant(ladder):
    earned = [ladder[name]["return"] for name in ("random", "popular", "static_cycle", "clairvoyant")]
    assert earned[0] * 1.3 < earned[1] and earned[1] * 1.3 < earned[2] and earned[2] * 1.8 < earned[3]


def test_reacting_to_feedback_beats_every_fixed_plan(ladder):
    """Even a plan made with the user's true taste: an adaptive policy with no identity at all earns more."""
    adaptive = ladder["adaptive"]["return"]
    assert adaptive > 1.3 * ladder["static_cycle"]["return"] and adaptive > 1.05 * ladder["personal_static"]["return"]
    assert ladder["clairvoyant"]["return"] > 1.2 * adaptive


def test_old_history_misleads(ladder):
    """The same reasoning over the whole session, without forgetting, earns clearly less than with it."""
    assert ladder["adaptive"]["return"] > 1.2 * ladder["stale"]["return"]


def test_clairvoyants_stay_and_random_users_leave(ladder):
    assert ladder["clairvoyant"]["length"] > 19 and 4 < ladder["random"]["length"] < 9


def test_the_order_stands_without_repeats_too(world):
    users = np.arange(world.num_logged, world.num_users)
    plans = (policies.random, policies.static_cycle, ADAPTIVE, policies.clairvoyant)
    earned = [policies.play(world, plan, users=users, no_repeats=True)["return"] for plan in plans]
    assert all(low * 1.2 < high for low, high in zip(earned, earned[1:], strict=False))


def _showing(world, count=4_000, seed=0):
    """Sessions two items old, an item of the current intent for each, and noiseless draws that never switch."""
    rng, tables = np.random.default_rng(seed), world.tables
    user, session = rng.integers(0, 200, count).astype(np.int32), rng.integers(0, 8, count).astype(np.int32)
    state = dynamics.open_session(tables, user, session, rng.random(count, dtype=np.float32), xp=np)
    match = tables.item_category[None] == state.intent[:, None]
    item = np.where(match, rng.random(match.shape), -1).argmax(1).astype(np.int32)
    zeros = np.zeros(count, np.float32)
    return state, item, dynamics.StepDraws(noise=zeros, switch=zeros + 1, intent=zeros)


def test_a_switch_shows_as_a_drop_in_ratings(world):
    state, item, draws = _showing(world)
    _, kept, _ = dynamics.advance(world.tables, state, item, draws, xp=np)
    moved = state.replace(intent=((state.intent + 1) % 8).astype(np.int32))
    _, dropped, _ = dynamics.advance(world.tables, moved, item, draws, xp=np)
    drop = kept - dropped
    assert drop.mean() > 1.4 and drop.mean() > 4 * world.tables.dynamics.noise


def test_the_first_intent_follows_the_users_mix(world):
    tables, draw = world.tables, (np.arange(1_000, dtype=np.float32) + 0.5) / 1_000
    user = np.full(1_000, 3, np.int32)
    state = dynamics.open_session(tables, user, np.zeros_like(user), draw, xp=np)
    np.testing.assert_allclose(np.bincount(state.intent, minlength=8) / 1_000, tables.user_mix[3], atol=2e-3)


def test_satiation_makes_a_switch_likelier_and_forgets_the_count(world):
    state, item, draws = _showing(world)
    below = draws.replace(switch=np.full_like(draws.switch, 0.2), intent=np.full_like(draws.switch, 0.5))
    for satisfied, switches in ((0, False), (10, True)):
        fed = state.replace(satisfied=np.full_like(state.satisfied, satisfied))
        after, _, _ = dynamics.advance(world.tables, fed, item, below, xp=np)
        assert ((after.intent != state.intent) == switches).all()
        assert (after.satisfied == (0 if switches else 1)).all()


def test_appetite_decides_who_likes_the_obscure(world):
    appetite = world.tables.user_vectors[:, -1]
    plain = world.tables.item_vectors.copy()
    gain = []
    for obscurity in (1.0, -1.0):
        plain[:, -1] = obscurity
        gain.append((world.tables.user_vectors @ plain.T).mean(1))
    np.testing.assert_allclose((gain[0] - gain[1]) / 2, appetite, atol=1e-4)


def test_tastes_drift_across_sessions(world):
    """What a user likes best in the last session is not what they liked best in the first."""
    users = np.arange(200, dtype=np.int32)
    likes = []
    for number in (0, 1, 7):
        state = dynamics.open_session(
            world.tables, users, np.full_like(users, number), np.zeros(200, np.float32), xp=np
        )
        mix = state.mix / state.mix.sum(1, keepdims=True)
        likes.append(state.vector @ world.tables.item_vectors.T + 2.2 * mix[:, world.tables.item_category])
    near, far = (np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(likes[0], x, strict=True)]) for x in likes[1:])
    assert far < near - 0.1 and far > 0.2

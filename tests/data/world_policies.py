"""Yardsticks for the embedded world in plain NumPy: what can be earned with which knowledge. Scores are [B, A]."""

from __future__ import annotations

import numpy as np

from jaxrec.data.world import dynamics
from tests.data import world_truth


def play(world, policy, *, users, episodes=4, max_turn=20, no_repeats=False, seed=0):
    """Mean return, length and return per step of `policy(world, state, memory, turn)`; it acts on the highest score."""
    rng, tables = np.random.default_rng(seed), world.tables
    user = np.repeat(users, episodes).astype(np.int32)
    session = rng.integers(0, tables.drift.shape[1], len(user)).astype(np.int32)
    state = dynamics.open_session(tables, user, session, _uniform(rng, len(user)), xp=np)
    alive, total, length = np.ones(len(user), bool), np.zeros(len(user)), np.zeros(len(user))
    seen, memory = np.zeros((len(user), world.num_items), bool), {"rng": rng}
    for turn in range(max_turn):
        scores = policy(world, state, memory, turn)
        action = np.where(seen & no_repeats, -np.inf, scores).argmax(1).astype(np.int32)
        draws = dynamics.StepDraws(
            noise=rng.normal(size=len(user)).astype(np.float32),
            switch=_uniform(rng, len(user)),
            intent=_uniform(rng, len(user)),
        )
        before = state
        state, reward, leave = dynamics.advance(tables, state, action, draws, xp=np)
        total, length = total + reward * alive, length + alive
        seen[np.arange(len(user)), action] = True
        memory.update(item=action, feedback=reward, before=before)
        alive = alive & ~leave
    return {"return": total.mean(), "length": length.mean(), "per_step": total.sum() / length.sum()}


def random(world, state, memory, turn):
    return memory["rng"].random((len(state.user), world.num_items))


def popular(world, state, memory, turn):
    """The twenty most shown items, one after the other."""
    return _only(world, state, np.argsort(-world.popularity)[turn % 20])


def static_cycle(world, state, memory, turn):
    """The best liked item of each of window + 1 categories, round and round."""
    liked = world_truth.expected_feedback(world, np.arange(world.num_logged), np.arange(world.num_items)).mean(0)
    order = np.argsort(-liked)
    _, first = np.unique(world.tables.item_category[order], return_index=True)
    cycle = order[np.sort(first)[: world.tables.window + 1]]
    return _only(world, state, cycle[turn % len(cycle)])


def personal_static(world, state, memory, turn):
    """Knows the user's taste and mix of intents for certain, and never looks at feedback."""
    mix = state.mix / state.mix.sum(1, keepdims=True)
    return state.vector @ world.tables.item_vectors.T + _intent(world, mix) - _bored(world, state)


def clairvoyant(world, state, memory, turn):
    """Greedy with everything known, the hidden intent too."""
    intent = np.eye(state.mix.shape[1])[state.intent]
    return state.vector @ world.tables.item_vectors.T + _intent(world, intent) - _bored(world, state)


def adaptive(forget):
    """Knows the average user only; believes in intents by their ratings, and lets belief move on by `forget` per step.

    forget = 0 weighs the whole session alike: it holds to the intent that its history speaks for.
    """

    def policy(world, state, memory, turn):
        tables, rules = world.tables, world.tables.dynamics
        vector, mix = tables.user_vectors[: world.num_logged].mean(0), tables.user_mix[: world.num_logged].mean(0)
        if turn == 0:
            memory["belief"] = np.tile(mix, (len(state.user), 1)).astype(np.float64)
        else:
            item, categories = memory["item"], np.arange(len(mix))
            base = rules.base + tables.item_vectors[item] @ vector
            base = base - dynamics.boredom(tables, memory["before"], item, xp=np)
            match = (tables.item_category[item][:, None] == categories) + 0.5 * (
                tables.item_second[item][:, None] == categories
            )
            error = memory["feedback"][:, None] - np.clip(base[:, None] + rules.intent * match, rules.low, rules.high)
            belief = memory["belief"] * np.exp(-0.5 * (error / 0.9) ** 2) + 1e-12
            belief /= belief.sum(1, keepdims=True)
            moves = mix * tables.transition
            moves /= moves.sum(1, keepdims=True)
            memory["belief"] = (1 - forget) * belief + forget * (belief @ moves)
        return tables.item_vectors @ vector + _intent(world, memory["belief"]) - _bored(world, state)

    return policy


def _uniform(rng, count):
    return rng.random(count, dtype=np.float32)


def _only(world, state, item):
    scores = np.zeros((len(state.user), world.num_items))
    scores[:, item] = 1
    return scores


def _intent(world, belief):
    second = world.tables.item_second
    match = belief[:, world.tables.item_category] + 0.5 * np.where(second >= 0, belief[:, second], 0.0)
    return world.tables.dynamics.intent * match


def _bored(world, state):
    spread = state.replace(window_item=state.window_item[:, None], window_category=state.window_category[:, None])
    items = np.broadcast_to(np.arange(world.num_items), (len(state.user), world.num_items))
    return dynamics.boredom(world.tables, spread, items, xp=np)

"""The policy that logged the embedded world: a mediocre recommender, and the sessions that it makes.

It looks at `candidates` items drawn by popularity and shows the best of them by a stale, noisy opinion of the user (no
drift, no intents), leaning to the category that was just liked:

    score = opinion * <v_n, e_a> + follow * [category_a = category of the last item, if that was liked] + noise * eps

Sessions end as in the environment (the user leaves) or after `max_turn`. Times are in seconds: session s starts s weeks
after the origin (plus minutes of the user's own), and items follow 30 seconds apart.
"""

from __future__ import annotations

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.records import TEST, TRAIN, VALIDATION
from jaxrec.data.world import draws, dynamics
from jaxrec.data.world.generator import World

ORIGIN, WEEK, PAUSE = 1_700_000_000, 7 * 24 * 3600, 30  # seconds
LANES = 16_384  # sessions simulated side by side

RANGES = {
    "max_turn": ranges.COUNT,
    "candidates": ranges.COUNT,
    "popularity": ranges.between(-10, 10),
    **dict.fromkeys(("opinion", "follow"), ranges.between(-1000, 1000)),
    "noise": ranges.between(0, 1000),
}


def defaults() -> ConfigDict:
    """The settings of the logging policy."""
    return ConfigDict(
        {
            "max_turn": 20,  # items per session at most
            "candidates": 12,  # items the policy looks at, drawn by popularity
            "popularity": 0.5,  # candidates are drawn in proportion to popularity ** this
            "opinion": 0.5,  # trust in what it believes of the user
            "follow": 0.8,  # score of the category just liked, rating points
            "noise": 0.7,  # deviation of its scores, rating points
        }
    )


def check(config: ConfigDict) -> None:
    """Raises JaxrecError on settings with which no session can be made."""
    ranges.check("logging.", config, RANGES)


def simulate(world: World, config: ConfigDict) -> dict[str, np.ndarray]:
    """Plays all sessions of the logged users; returns the columns of `Interactions`, by user, session and turn."""
    num_sessions = world.config.num_sessions
    total = world.num_logged * num_sessions
    parts = []
    for index, start in enumerate(range(0, total, LANES)):
        lanes = np.arange(start, min(start + LANES, total), dtype=np.int32)
        bits = draws.stream(world.config.seed, "log", index)
        parts.append(_sessions(world, config, bits, lanes // num_sessions, lanes % num_sessions))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    session = columns.pop("session")
    columns["time"] = (
        ORIGIN + session.astype(np.int64) * WEEK + columns.pop("turn") * PAUSE + columns["user"] % 1440 * 60
    )
    columns["split"] = np.full(len(session), TRAIN, np.int8)
    if num_sessions > 2:
        columns["split"][session == num_sessions - 2] = VALIDATION
    if num_sessions > 1:
        columns["split"][session == num_sessions - 1] = TEST
    return columns


def _sessions(world: World, config: ConfigDict, bits, user: np.ndarray, session: np.ndarray) -> dict[str, np.ndarray]:
    tables, count = world.tables, len(user)
    edges = draws.edges(world.popularity.astype(np.float64) ** config.popularity)
    state = dynamics.open_session(tables, user, session, _unit(bits, count), xp=np)
    liked, alive = np.full(count, -1, np.int32), np.ones(count, bool)
    item, feedback, shown = (np.zeros((count, config.max_turn), t) for t in (np.int32, np.float32, bool))
    for turn in range(config.max_turn):
        action = np.zeros(count, np.int32)
        action[alive] = _choose(world, config, bits, edges, user[alive], liked[alive])
        noise = dynamics.StepDraws(
            noise=draws.normal(bits, count), switch=_unit(bits, count), intent=_unit(bits, count)
        )
        state, reward, leave = dynamics.advance(tables, state, action, noise, xp=np)
        item[:, turn], feedback[:, turn], shown[:, turn] = action, reward, alive
        liked = np.where(reward > tables.dynamics.tolerance, tables.item_category[action], -1)
        alive &= ~leave
        if not alive.any():
            break
    row, turn = np.nonzero(shown)
    return {"user": user[row], "session": session[row], "turn": turn, "item": item[shown], "feedback": feedback[shown]}


def _choose(
    world: World, config: ConfigDict, bits, edges: np.ndarray, user: np.ndarray, liked: np.ndarray
) -> np.ndarray:
    tables = world.tables
    candidates = draws.categorical(bits, edges, len(user), config.candidates)
    opinion = np.einsum("bf,bkf->bk", tables.user_vectors[user], tables.item_vectors[candidates])
    follows = tables.item_category[candidates] == liked[:, None]
    scores = config.opinion * opinion + config.follow * follows + config.noise * draws.normal(bits, *candidates.shape)
    return np.take_along_axis(candidates, scores.argmax(1)[:, None], 1)[:, 0]


def _unit(bits, count: int) -> np.ndarray:
    return draws.uniform(bits, count).astype(np.float32)

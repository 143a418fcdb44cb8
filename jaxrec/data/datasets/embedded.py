"""The embedded world's log: what a mediocre recommender showed its users. Generated; nothing to download.

The logging policy looks at `candidates` items drawn by popularity and shows the best of them by a stale, noisy
opinion of the user (no drift, no intents), leaning to the category that was just liked:

    score = opinion * <v_n, e_a> + follow * [category_a = category of the last item, if that was liked] + noise * eps

Sessions end as in the simulator (the user leaves) or after `max_turn`. The last session of a user is TEST, the one
before VALIDATION, the rest TRAIN; test users of the world are in the tables and never in the log. `time` is in seconds:
session s starts s weeks after the origin (plus minutes of the user's own) and items follow 30 seconds apart, so
`session_index` is exact.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import TEST, TRAIN, VALIDATION, Interactions
from jaxrec.data.world import descriptions, draws, dynamics
from jaxrec.data.world import generator as worlds
from jaxrec.data.world.generator import World
from jaxrec.data.world.images import images as draw_images

ORIGIN, WEEK, PAUSE = 1_700_000_000, 7 * 24 * 3600, 30
LANES = 16_384  # sessions simulated side by side


def logging_defaults() -> ConfigDict:
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


def load(
    root: Path | None = None,
    *,
    size: str = "default",
    world: ConfigDict | dict | None = None,
    logging: ConfigDict | dict | None = None,
    text: bool = True,
    images: bool = True,
) -> Interactions:
    """The log of the world `size` with the given settings changed. `root` is not read.

    item_features: category bool [A, G], popularity float32 [A] (share of exposure), vectors float32 [A, F] (the true
    factors), attributes bool [A, 2F]; with `text` title, brand, category_name, text; with `images` image uint8
    [A, 16, 16, 3].
    user_features: community bool [N, P].
    """
    del root
    generated = worlds.generate(_override(worlds.defaults(size), world, "world"))
    policy = _override(logging_defaults(), logging, "logging")
    for name in ("max_turn", "candidates"):
        if policy[name] < 1:
            raise JaxrecError(f"dataset 'embedded': logging.{name} is {policy[name]}, set it to 1 or more")
    columns = simulate(generated, policy)
    config = generated.config
    items = {**_features(generated), **(_text(generated) if text else {})}
    if images:
        items["image"] = draw_images(generated)
    return Interactions(
        **columns,
        user_ids=np.arange(generated.num_users),
        item_ids=np.arange(generated.num_items),
        user_features={"community": np.eye(config.num_communities, dtype=bool)[generated.tables.user_community]},
        item_features=items,
        name="embedded",
    )


def session_index(interactions: Interactions) -> np.ndarray:
    """int32 [E]: which of the user's sessions each row belongs to."""
    return ((interactions.time - ORIGIN) // WEEK).astype(np.int32)


def simulate(world: World, logging: ConfigDict) -> dict[str, np.ndarray]:
    """The columns of `Interactions`, ordered by user, session and turn."""
    num_sessions = world.config.num_sessions
    total = world.num_logged * num_sessions
    parts = []
    for index, start in enumerate(range(0, total, LANES)):
        lanes = np.arange(start, min(start + LANES, total), dtype=np.int32)
        bits = draws.stream(world.config.seed, "log", index)
        parts.append(_sessions(world, logging, bits, lanes // num_sessions, lanes % num_sessions))
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


def _sessions(world: World, logging: ConfigDict, bits, user: np.ndarray, session: np.ndarray) -> dict[str, np.ndarray]:
    tables, count = world.tables, len(user)
    edges = draws.edges(world.popularity.astype(np.float64) ** logging.popularity)
    state = dynamics.open_session(tables, user, session, _unit(bits, count), xp=np)
    liked, alive = np.full(count, -1, np.int32), np.ones(count, bool)
    item, feedback, shown = (np.zeros((count, logging.max_turn), t) for t in (np.int32, np.float32, bool))
    for turn in range(logging.max_turn):
        action = np.zeros(count, np.int32)
        action[alive] = _choose(world, logging, bits, edges, user[alive], liked[alive])
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
    world: World, logging: ConfigDict, bits, edges: np.ndarray, user: np.ndarray, liked: np.ndarray
) -> np.ndarray:
    tables = world.tables
    candidates = draws.categorical(bits, edges, len(user), logging.candidates)
    opinion = np.einsum("bf,bkf->bk", tables.user_vectors[user], tables.item_vectors[candidates])
    follows = tables.item_category[candidates] == liked[:, None]
    scores = (
        logging.opinion * opinion + logging.follow * follows + logging.noise * draws.normal(bits, *candidates.shape)
    )
    return np.take_along_axis(candidates, scores.argmax(1)[:, None], 1)[:, 0]


def _unit(bits, count: int) -> np.ndarray:
    return draws.uniform(bits, count).astype(np.float32)


def _features(world: World) -> dict[str, Any]:
    config, tables = world.config, world.tables
    identity = np.concatenate([np.eye(config.num_categories, dtype=bool), np.zeros((1, config.num_categories), bool)])
    return {
        "category": identity[tables.item_category] | identity[tables.item_second],
        "popularity": world.popularity,
        "vectors": tables.item_vectors[:, : config.num_factors],
        "attributes": descriptions.attributes(world),
    }


def _text(world: World) -> dict[str, Any]:
    names = np.array([descriptions.category_name(g) for g in range(world.config.num_categories)], dtype=object)
    return {
        "title": descriptions.titles(world),
        "brand": descriptions.brand_names(world)[world.item_brand],
        "category_name": names[world.tables.item_category],
        "text": descriptions.descriptions(world),
    }


def _override(config: ConfigDict, changes: ConfigDict | dict | None, name: str) -> ConfigDict:
    config.lock()  # so that a misspelt leaf raises
    try:
        config.update(changes or {})
    except (KeyError, TypeError) as error:
        raise JaxrecError(f"dataset 'embedded': {name} cannot take {dict(changes)}: {error}") from error
    return config

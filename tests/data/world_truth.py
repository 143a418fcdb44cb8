"""What is true of the embedded world and its log, and no recommender may see."""

from __future__ import annotations

import numpy as np

from jaxrec.base.records import Interactions
from jaxrec.data.world.generator import World
from jaxrec.data.world.logging_policy import ORIGIN, WEEK


def expected_feedback(world: World, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """float32 [len(users), len(items)]: the true feedback, intents averaged over; no drift, boredom or noise."""
    tables, rules = world.tables, world.tables.dynamics
    mix, second = tables.user_mix[users], tables.item_second[items]
    match = mix[:, tables.item_category[items]] + 0.5 * np.where(second >= 0, mix[:, second], 0.0)
    base = tables.user_vectors[users] @ tables.item_vectors[items].T
    return np.clip(rules.base + base + rules.intent * match, rules.low, rules.high).astype(np.float32)


def session_index(interactions: Interactions) -> np.ndarray:
    """int32 [E]: which of the user's sessions each event of the embedded log belongs to."""
    return ((interactions.time - ORIGIN) // WEEK).astype(np.int32)

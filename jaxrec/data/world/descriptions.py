"""Words for the items of the embedded world: what is said follows the item's factors, and not all is said.

    title        brand, the attribute that sets it apart from its category, a noun of its category
    attributes   one per pole of each factor, told only where the factor is strong (|e_f| above MENTION)
    description  everything in one line, for language models

Items whose factor 0 is high are recyclable, say: a model that reads can know it before anyone has rated the item.
"""

from __future__ import annotations

import numpy as np

from jaxrec.data.world import draws
from jaxrec.data.world.generator import World

MENTION = 0.25

CATEGORIES = (
    ("kitchen", "kettle pan grinder teapot skillet"),
    ("music", "album record single mixtape symphony"),
    ("garden", "trowel planter hose trellis seedbox"),
    ("sports", "racket helmet jersey kettlebell paddle"),
    ("books", "novel atlas memoir almanac anthology"),
    ("toys", "puzzle kite robot dollhouse marble-run"),
    ("electronics", "headset speaker charger camera keyboard"),
    ("clothing", "jacket scarf parka cardigan boots"),
    ("pets", "leash aquarium perch cushion feeder"),
    ("beauty", "serum soap balm comb perfume"),
    ("office", "notebook stapler lamp binder pen"),
    ("travel", "suitcase backpack pouch hammock lantern"),
    ("tools", "drill wrench chisel level sander"),
    ("games", "board-game card-deck console dice-set chess-set"),
    ("food", "tea granola chutney chocolate pasta"),
    ("health", "thermometer brace mat scale pillow"),
)

POLES = (
    ("recyclable", "single-use"),
    ("quiet", "loud"),
    ("light", "heavy"),
    ("modern", "classic"),
    ("handmade", "industrial"),
    ("colourful", "plain"),
    ("portable", "stationary"),
    ("durable", "delicate"),
    ("compact", "roomy"),
    ("warm", "cool"),
    ("smooth", "rough"),
    ("vegan", "leather"),
    ("digital", "mechanical"),
    ("premium", "budget"),
    ("wild", "gentle"),
    ("local", "imported"),
)

ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "kl", "st", "tr")
NUCLEI = ("a", "e", "i", "o", "u", "ia", "eo")
CODAS = ("l", "n", "r", "s", "x", "nd", "rk", "lm")


def category_name(g: int) -> str:
    """The name of category g; beyond the last of CATEGORIES the names return with a number."""
    return (
        CATEGORIES[g][0] if g < len(CATEGORIES) else f"{CATEGORIES[g % len(CATEGORIES)][0]} {g // len(CATEGORIES) + 1}"
    )


def attribute_names(num_factors: int) -> list[str]:
    """The 2F names of attributes: the high poles of all factors, then the low poles."""
    poles = [POLES[f] if f < len(POLES) else (f"high-{f}", f"low-{f}") for f in range(num_factors)]
    return [high for high, _ in poles] + [low for _, low in poles]


def attributes(world: World, items: np.ndarray | None = None) -> np.ndarray:
    """Which poles each item's factors reach: bool [A, 2F], columns as `attribute_names`."""
    vectors = world.tables.item_vectors if items is None else world.tables.item_vectors[items]
    factors = vectors[:, : world.config.num_factors]
    return np.concatenate([factors > MENTION, factors < -MENTION], axis=1)


def brand_names(world: World) -> np.ndarray:
    """Invents the brands' names, pronounceable and distinct: object [num_brands] of str."""
    bits = draws.stream(world.config.seed, "brands")
    taken: dict[str, None] = {}
    while len(taken) < world.config.num_brands:
        pick = draws.uniform(bits, 5)
        parts = (ONSETS, NUCLEI, ONSETS, NUCLEI, CODAS)
        taken.setdefault("".join(p[int(u * len(p))] for p, u in zip(parts, pick, strict=True)).capitalize())
    return np.array(list(taken), dtype=object)


def titles(world: World, items: np.ndarray | None = None) -> np.ndarray:
    """The items' titles, such as "Norlo quiet kettle": object [A] of str."""
    items = np.arange(world.num_items) if items is None else np.asarray(items)
    num_factors = world.config.num_factors
    category = world.tables.item_category[items]
    factors = world.tables.item_vectors[items, :num_factors]
    strongest = _own_attribute(factors, factors - world.centres[category])
    low = np.take_along_axis(factors, strongest[:, None], 1)[:, 0] < 0
    adjectives = np.array(attribute_names(num_factors), dtype=object)[strongest + num_factors * low]
    nouns = np.array(
        [CATEGORIES[g % len(CATEGORIES)][1].split() for g in range(world.config.num_categories)], dtype=object
    )
    # A multiplicative hash: neighbours differ, and one item's noun does not depend on how many items there are.
    noun = nouns[category, (items.astype(np.int64) * 2654435761 >> 16) % nouns.shape[1]]
    return brand_names(world)[world.item_brand[items]] + " " + adjectives + " " + noun


def _own_attribute(factors: np.ndarray, own: np.ndarray) -> np.ndarray:
    """int [A]: the factor that sets an item apart from its category, among the attributes that may be told of it."""
    told = (np.abs(factors) > MENTION) & (factors * own > 0)
    return (np.where(told, np.abs(own), 0.0) + 1e-3 * np.abs(factors)).argmax(1)


def descriptions(world: World, items: np.ndarray | None = None) -> np.ndarray:
    """Title, categories and every attribute told, in one line each: object [A] of str."""
    items = np.arange(world.num_items) if items is None else np.asarray(items)
    names = np.array([category_name(g) for g in range(world.config.num_categories)], dtype=object)
    first, second = world.tables.item_category[items], world.tables.item_second[items]
    category = names[first] + np.where(second >= 0, " and " + names[second], "").astype(object)
    words = np.array(attribute_names(world.config.num_factors), dtype=object)
    told = [", ".join(words[row]) or "nothing special" for row in attributes(world, items)]
    return titles(world, items) + "; category: " + category + "; " + np.array(told, dtype=object)

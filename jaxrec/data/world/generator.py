"""The embedded world: who the users are, what the items are, and how one draws on the other.

Users n in N, items a in A, categories g in G (an intent is a category), factors f in F, communities p in P,
sessions s in S.

    item      e_a = (centre_g + brand + own, quality_a, novelty_a)                        item_vectors [A, F + 2]
    user      v_n = (taste * (sum_g mix_ng centre_g + own), 1, appetite_n)                user_vectors [N, F + 2]
    mix       mix_n = softmax(sharpness * (community_p + own)) over the G categories      user_mix [N, G]
    drift     D_ps = a random walk over sessions s, shared by the users of a community    drift [P, S, F + 2]
              mix_ns proportional to mix_n * drift_mix_ps                                 drift_mix [P, S, G]

so that the base preference, biases included, is one dot product <v_n + D_ps, e_a>. `dynamics` makes sessions of
it, `descriptions` and `images` give items words and pixels that follow e_a. Nothing here is users x items.
Deterministic in `seed` for every supported NumPy (see `draws`); other seeds are other worlds of the same kind.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from flax import struct
from ml_collections import ConfigDict

from jaxrec.base.unit_vectors import unit_vectors
from jaxrec.data.world import draws
from jaxrec.data.world.settings import SIZES, check, defaults

__all__ = ["SIZES", "Dynamics", "Tables", "World", "defaults", "generate"]


@struct.dataclass
class Dynamics:
    """The numbers in the rules of `data.world.dynamics`, float32 scalars.

    They are named as in `defaults().dynamics`, where each is explained. A jitted program takes them as arguments, so
    that another value needs no new compilation.
    """

    base: np.ndarray
    intent: np.ndarray
    noise: np.ndarray
    low: np.ndarray
    high: np.ndarray
    repeat: np.ndarray
    crowd: np.ndarray
    crowd_limit: np.ndarray
    switch: np.ndarray
    satiation: np.ndarray
    switch_max: np.ndarray
    tolerance: np.ndarray
    relief: np.ndarray


@struct.dataclass
class Tables:
    """What a session is computed from: NumPy arrays here, device arrays in an environment's params.

    The module's docstring has the other shapes.

    Attributes:
      item_category, item_second: int32 [A]; -1 where an item has no second category.
      user_community: int32 [N]. user_patience: float32 [N].
      transition: float32 [G, G], weight of the intent that follows (column) on another one (row); zero diagonal.
    """

    item_vectors: np.ndarray
    item_category: np.ndarray
    item_second: np.ndarray
    user_vectors: np.ndarray
    user_mix: np.ndarray
    user_community: np.ndarray
    user_patience: np.ndarray
    drift: np.ndarray
    drift_mix: np.ndarray
    transition: np.ndarray
    dynamics: Dynamics
    window: int = struct.field(pytree_node=False)


@dataclasses.dataclass(frozen=True)
class World:
    """Everything generated: `tables`, which sessions are computed from, and what texts, images and the log need too.

    Attributes:
      config: the frozen settings, seed included.
      centres: float32 [G, F]; popularity: float32 [A], shares of exposure.
      item_brand: int32 [A]; brand_category: int32 [brands], the home category.
    """

    config: ConfigDict
    tables: Tables
    centres: np.ndarray
    popularity: np.ndarray
    item_brand: np.ndarray
    brand_category: np.ndarray

    @property
    def num_items(self) -> int:
        return len(self.popularity)

    @property
    def num_logged(self) -> int:
        return self.config.num_users

    @property
    def num_users(self) -> int:
        return self.config.num_users + self.config.num_test_users


def generate(config: ConfigDict) -> World:
    """Generates the world of settings (see `defaults`). Raises: JaxrecError on sizes that no world can have."""
    check(config)
    bits = draws.stream(config.seed, "centres")
    centres = unit_vectors(draws.normal(bits, config.num_categories, config.num_factors), np)
    items = _items(config, centres)
    users = _users(config, centres)
    tables = Tables(
        **items.pop("tables"),
        **users,
        **_drift(config),
        transition=_transition(config),
        dynamics=Dynamics(**{f.name: np.float32(config.dynamics[f.name]) for f in dataclasses.fields(Dynamics)}),
        window=config.dynamics.window,
    )
    return World(config=config.copy_and_resolve_references(), tables=tables, centres=centres, **items)


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def _items(config: ConfigDict, centres: np.ndarray) -> dict:
    num, factors, categories = config.num_items, config.num_factors, config.num_categories
    bits = draws.stream(config.seed, "items")
    size = np.arange(1, categories + 1.0) ** -config.category_skew
    category = draws.categorical(bits, draws.edges(size), num)
    category[:categories] = np.arange(categories)  # none is empty
    brand_category = np.arange(config.num_brands, dtype=np.int32) % categories
    brand = _brands(bits, category, brand_category)
    style = draws.normal(bits, config.num_brands, factors) * (0.5 / factors**0.5)
    own = draws.normal(bits, num, factors) * (0.6 / factors**0.5)
    quality = draws.normal(bits, num)
    rank = np.argsort(np.argsort(-(config.popularity_quality * quality + draws.normal(bits, num)), kind="stable"))
    popularity = (rank + 1.0) ** -config.popularity_exponent
    novelty = 2.0 * (rank + 0.5) / num - 1.0
    second = draws.categorical(bits, draws.edges(np.ones(categories)), num)
    second = np.where((draws.uniform(bits, num) < 0.3) & (second != category), second, -1).astype(np.int32)
    blend = np.where(second >= 0, 0.3, 0.0)[:, None]
    vectors = (1 - blend) * centres[category] + blend * centres[second] + style[brand] + own
    columns = [vectors, config.quality * quality[:, None], novelty[:, None]]
    tables = {
        "item_vectors": np.concatenate(columns, 1).astype(np.float32),
        "item_category": category,
        "item_second": second,
    }
    popularity = (popularity / popularity.sum()).astype(np.float32)
    return {"tables": tables, "popularity": popularity, "item_brand": brand, "brand_category": brand_category}


def _brands(bits, category: np.ndarray, brand_category: np.ndarray) -> np.ndarray:
    """A brand at home in the item's category four times out of five, any brand otherwise."""
    num, brands, categories = len(category), len(brand_category), brand_category.max() + 1
    homes = np.bincount(brand_category, minlength=category.max() + 1)
    choice = draws.uniform(bits, num)
    home = category + categories * np.floor(choice * np.maximum(homes[category], 1)).astype(np.int32)
    anywhere = np.floor(draws.uniform(bits, num) * brands).astype(np.int32)
    at_home = (draws.uniform(bits, num) < 0.8) & (homes[category] > 0)
    return np.where(at_home, home, anywhere).astype(np.int32)


def _users(config: ConfigDict, centres: np.ndarray) -> dict:
    num, factors = config.num_users + config.num_test_users, config.num_factors
    bits = draws.stream(config.seed, "users")
    community = draws.categorical(bits, draws.edges(np.ones(config.num_communities)), num)
    inclination = draws.normal(bits, config.num_communities, config.num_categories)
    own = draws.normal(bits, num, config.num_categories)
    mix = _softmax(config.sharpness * (0.7 * inclination[community] + 0.7 * own))
    vector = mix @ centres + draws.normal(bits, num, factors) * (0.7 / factors**0.5)
    appetite = config.appetite * (2 * draws.uniform(bits, num, 1) - 1)
    spread = config.dynamics.patience_spread * (2 * draws.uniform(bits, num) - 1)
    return {
        "user_vectors": np.concatenate([config.taste * vector, np.ones((num, 1)), appetite], 1).astype(np.float32),
        "user_mix": mix,
        "user_community": community,
        "user_patience": (config.dynamics.patience * (1 + spread)).astype(np.float32),
    }


def _drift(config: ConfigDict) -> dict:
    """Random walks that start at no drift: taste in unit-norm steps times `drift`, log intent mix times `drift_mix`."""
    bits = draws.stream(config.seed, "drift")
    shape = (config.num_communities, config.num_sessions)
    taste = draws.normal(bits, *shape, config.num_factors) * (config.taste * config.drift / config.num_factors**0.5)
    mix = draws.normal(bits, *shape, config.num_categories) * config.drift_mix
    taste[:, 0], mix[:, 0] = 0.0, 0.0
    taste = np.pad(np.cumsum(taste, 1), [(0, 0), (0, 0), (0, 2)])
    log_mix = np.clip(np.cumsum(mix, 1), -60, 60)  # float32 holds the exponentials and their sums
    return {"drift": taste.astype(np.float32), "drift_mix": np.exp(log_mix).astype(np.float32)}


def _transition(config: ConfigDict) -> np.ndarray:
    """Weights of the next intent given the last: each intent has two favoured followers, the same for everyone."""
    bits = draws.stream(config.seed, "transition")
    order = draws.uniform(bits, config.num_categories, config.num_categories)
    np.fill_diagonal(order, 2.0)
    weights = np.where(np.argsort(np.argsort(order, 1), 1) < 2, 4.0, 1.0)
    np.fill_diagonal(weights, 0.0)
    return weights.astype(np.float32)

"""The embedded world's log: what a mediocre recommender showed its users. Generated; nothing to download.

The policy that logged it and the times of its events are those of `data.world.logging_policy`. The last session of a
user is TEST, the one before VALIDATION, the rest TRAIN; test users of the world are in the tables and never in the log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions
from jaxrec.data.world import descriptions, logging_policy, settings
from jaxrec.data.world import generator as worlds
from jaxrec.data.world.generator import World
from jaxrec.data.world.images import images as draw_images

RELEASE = None  # the world is generated

RANGES = {
    "size": ranges.choice(*settings.SIZES),
    **ranges.under("world", settings.RANGES),
    **ranges.under("logging", logging_policy.RANGES),
}


def load(
    root: Path | None = None,
    *,
    size: str = "default",
    world: ConfigDict | dict | None = None,
    logging: ConfigDict | dict | None = None,
    text: bool = True,
    images: bool = True,
) -> Interactions:
    """Generates a world and its log.

    Args:
      root: not read.
      size: how much there is of everything, one of `world.settings.SIZES`.
      world: changes to the world's settings (`world.settings.defaults`).
      logging: changes to the logging policy's settings (`world.logging_policy.defaults`).
      text: whether items have title, brand, category_name and text, object [A].
      images: whether items have an image, uint8 [A, 16, 16, 3].

    Returns:
      Item features beside these: category bool [A, G], popularity float32 [A] (share of exposure), vectors float32
      [A, F] (the true factors), attributes bool [A, 2F]. User features: community bool [N, P].

    Raises:
      JaxrecError: an unknown setting, or sizes that no world can have.
    """
    del root
    generated = worlds.generate(_override(worlds.defaults(size), world, "world"))
    policy = _override(logging_policy.defaults(), logging, "logging")
    logging_policy.check(policy)
    columns = logging_policy.simulate(generated, policy)
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

"""Settings of the embedded world: how many users and items, how skewed, how restless, how patient."""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxrec.base import ranges
from jaxrec.base.errors import JaxrecError

SIZES = {
    "tiny": {
        "num_users": 40,
        "num_test_users": 20,
        "num_items": 48,
        "num_categories": 4,
        "num_brands": 6,
        "num_sessions": 4,
    },
    "default": {},
    "million": {
        "num_users": 10_000,
        "num_test_users": 1_000,
        "num_items": 1_000_000,
        "num_categories": 32,
        "num_brands": 2_000,
        "num_factors": 16,
    },
}
_POINTS = ranges.between(0, 1000)  # rating points
RANGES = {
    "seed": ranges.SEED,
    "num_users": ranges.at_least(1),
    "num_test_users": ranges.at_least(0),
    "num_items": ranges.at_least(2),
    "num_categories": ranges.at_least(2),
    "num_brands": ranges.at_least(1),
    "num_factors": ranges.at_least(1),
    "num_communities": ranges.at_least(1),
    "num_sessions": ranges.at_least(1),
    "category_skew": ranges.between(0, 10),
    "popularity_exponent": ranges.between(0, 10),
    "popularity_quality": ranges.between(-100, 100),
    "sharpness": ranges.between(0, 100),
    "taste": _POINTS,
    "quality": _POINTS,
    "appetite": _POINTS,
    "drift": ranges.between(0, 100),
    "drift_mix": ranges.between(0, 10),
    "dynamics.base": ranges.between(-1000, 1000),
    "dynamics.intent": _POINTS,
    "dynamics.noise": _POINTS,
    "dynamics.low": ranges.between(-1000, 1000),
    "dynamics.high": ranges.between(-1000, 1000),
    "dynamics.repeat": _POINTS,
    "dynamics.crowd": _POINTS,
    "dynamics.crowd_limit": ranges.NOT_NEGATIVE,
    "dynamics.window": ranges.COUNT,
    "dynamics.switch": ranges.SHARE,
    "dynamics.satiation": ranges.SHARE,
    "dynamics.switch_max": ranges.SHARE,
    "dynamics.patience": ranges.POSITIVE,
    "dynamics.patience_spread": ranges.SHARE,
    "dynamics.tolerance": ranges.between(-1000, 1000),
    "dynamics.relief": _POINTS,
}


def defaults(size: str = "default") -> ConfigDict:
    """The world's settings.

    Args:
      size: one of SIZES; changes only how much there is of everything.

    Raises:
      JaxrecError: an unknown size.
    """
    if size not in SIZES:
        raise JaxrecError(f"world size {size!r} is unknown: use one of {', '.join(SIZES)}")
    config = ConfigDict(
        {
            "seed": 0,  # another seed is another world
            "num_users": 200,  # users with a log; the first ones in every table
            "num_test_users": 100,  # users never logged, after them: personalising to them takes feedback
            "num_items": 240,  # about 30 per category, so that 20 turns without repeats stay inside one
            "num_categories": 8,  # an intent is one of these
            "num_brands": 24,  # brand or artist; each has a home category and a style of its own
            "num_factors": 8,  # latent factors of items and users
            "num_communities": 4,  # groups of users who share inclinations and drift together
            "num_sessions": 8,  # sessions of a user, a week apart
            "category_skew": 0.5,  # size of the g-th category ~ g^-skew
            "popularity_exponent": 1.0,  # exposure of the k-th item ~ k^-exponent: the long tail
            "popularity_quality": 0.6,  # how far popularity follows quality (0 not at all), in quality deviations
            "sharpness": 1.0,  # of the intent mix: 0 all intents alike, 3 nearly one intent per user
            "taste": 0.9,  # rating points per unit of agreement of factors
            "quality": 0.25,  # deviation of item quality, rating points
            "appetite": 0.5,  # largest liking or disliking of the obscure, rating points
            "drift": 0.25,  # random-walk step per session, relative to a unit taste vector
            "drift_mix": 0.5,  # random-walk step per session of the log intent mix
            "dynamics": {
                "base": 1.7,  # rating of an average item outside the intent
                "intent": 2.2,  # rating points for an item of the current intent (half for its second category)
                "noise": 0.3,  # deviation of a rating
                "low": 1.0,  # the rating scale, as Coat's
                "high": 5.0,  # rating points
                "repeat": 1.5,  # boredom per earlier showing of the item inside the window
                "crowd": 0.25,  # boredom per item of its category inside the window beyond crowd_limit
                "crowd_limit": 3.0,  # items of one category that do not yet bore
                "window": 5,  # earlier items that a user remembers
                "switch": 0.04,  # chance that the intent changes after a step
                "satiation": 0.05,  # added to that chance by each item that met the intent
                "switch_max": 0.8,  # largest chance of a change
                "patience": 5.0,  # mean patience at the start, rating points
                "patience_spread": 0.5,  # patience is uniform in patience * (1 -+ spread)
                "tolerance": 3.0,  # ratings below wear patience out
                "relief": 0.6,  # patience regained per rating point above tolerance, never beyond its start
            },
        }
    )
    config.update(SIZES[size])
    return config


def check(config: ConfigDict) -> None:
    """Raises JaxrecError on settings that no world can have."""
    ranges.check("world.", config, RANGES)
    if not config.dynamics.low < config.dynamics.high:
        raise JaxrecError(
            f"world.dynamics.low is {config.dynamics.low}: set it below dynamics.high, {config.dynamics.high}"
        )
    if config.num_items < config.num_categories:
        raise JaxrecError(f"world: {config.num_items} items cannot fill {config.num_categories} categories: add items")

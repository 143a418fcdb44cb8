"""The rewards that a feedback-matrix environment can pay: the range of the log's ratings, unless another is given.

Predictions of the user model are clipped to this range, as in the published environments. Logged ratings are clipped
where that is asked for alone: a range that is narrower than the ratings is a mistake more often than a choice.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from jaxrec.base.errors import JaxrecError
from jaxrec.base.records import Interactions

WHERE = "environment 'feedback_matrix': "


class RewardRange(NamedTuple):
    """The least and the largest reward, in the log's unit, and the share of the log's ratings that lie outside."""

    low: float
    high: float
    clipped: float


def of(config: ConfigDict, interactions: Interactions) -> RewardRange:
    """Returns the range [reward_low, reward_high]; an end that is None is the lowest or highest rating of all rows.

    Raises:
      JaxrecError: an empty range, or one that cuts off ratings although `clip_ratings` is False.
    """
    least, largest = float(interactions.feedback.min()), float(interactions.feedback.max())
    low = least if config.reward_low is None else float(config.reward_low)
    high = largest if config.reward_high is None else float(config.reward_high)
    if config.reward_low is None and config.reward_high is None and least == largest:
        raise JaxrecError(
            f"{WHERE}every rating of {interactions.name} is {least:g}, so there is nothing to learn; give it ratings "
            "that differ, or set reward_low and reward_high"
        )
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise JaxrecError(f"{WHERE}reward_low {low:g} is not below reward_high {high:g}; set both to finite numbers")
    outside = (interactions.feedback < np.float32(low)) | (interactions.feedback > np.float32(high))
    clipped = float(np.mean(outside))
    if clipped and not config.clip_ratings:
        raise JaxrecError(
            f"{WHERE}rewards from {low:g} to {high:g} cut off {clipped:.1%} of the ratings of {interactions.name}, "
            f"which go from {least:g} to {largest:g}; leave reward_low and reward_high at None, or set clip_ratings to "
            "True"
        )
    return RewardRange(low, high, clipped)


def fact(config: ConfigDict, interactions: Interactions) -> str:
    """Says the range in one sentence, for the report."""
    low, high, clipped = of(config, interactions)
    said = f"Rewards of {interactions.name} lie between {low:g} and {high:g}"
    if config.reward_low is None and config.reward_high is None:
        return f"{said}, its lowest and highest rating."
    return f"{said}, as reward_low and reward_high say; {clipped:.1%} of its ratings are clipped to them."

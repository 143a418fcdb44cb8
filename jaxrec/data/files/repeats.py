"""Rows in which a user meets an item again: which of them count."""

from __future__ import annotations

import dataclasses

import numpy as np

from jaxrec.base.records import Interactions


def settled(interactions: Interactions, rule: str) -> Interactions:
    """Leaves one event of each user and item in each split, the latest one; of one second, the last one in the file.

    Args:
      rule: 'last' keeps that event's feedback, 'mean' gives it the mean feedback of all of them.
    """
    pair = interactions.user.astype(np.int64) * interactions.num_items + interactions.item
    order = np.lexsort((interactions.time, pair, interactions.split))  # stable
    ends = (np.diff(pair[order], append=-1) != 0) | (np.diff(interactions.split[order], append=-1) != 0)
    number = np.cumsum(ends) - ends  # of each event's pair
    kept, ascending = order[ends], np.argsort(order[ends])
    left = interactions.where(kept[ascending])
    if rule == "last":
        return left
    mean = np.bincount(number, weights=interactions.feedback[order]) / np.bincount(number)
    return dataclasses.replace(left, feedback=mean[ascending].astype(np.float32))

"""Static facts of data, by which algorithms size their networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxrec.base.unit_vectors import unit_vectors


@dataclasses.dataclass(frozen=True)
class Spec:
    """Static facts an algorithm sizes its networks by.

    `action_size` 0 means actions are items; `observation_size` 0 means history is all there is. Returns are
    undiscounted.
    """

    num_users: int
    num_items: int
    max_turn: int
    observation_size: int = 0
    action_size: int = 0
    reward_range: tuple[float, float] = (0.0, 1.0)
    return_range: tuple[float, float] = (0.0, 1.0)
    # Quantiles of the returns of logged episodes, at equal steps from the least to the best; empty without a log.
    episode_returns: tuple[float, ...] = ()
    environment: Any = None  # the gymnax environment an on-policy or replay source steps
    # What is known of users and items beside their feedback: (float32 [N, F_u], float32 [A, F_i]), or None.
    features: Any = dataclasses.field(default=None, compare=False, repr=False)
    vocabulary: int = 0  # token ids of the text that comes with the data; 0 = no text
    tail: Any = dataclasses.field(default=None, compare=False, repr=False)  # bool [A], the items that few know, or None
    # float32 [A, E], what another model learned of the items and this one takes as given, or None.
    vectors: Any = dataclasses.field(default=None, compare=False, repr=False)
    item_ids: Any = dataclasses.field(default=None, compare=False, repr=False)  # the data's own, [A], or None
    past_sessions: bool = False  # of sequences: whether users are measured on a session that comes after others
    # Of sequences, all splits together: users, sessions, items and events.
    counts: Mapping[str, int] | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def directions(self) -> np.ndarray:
        """The `vectors` scaled to length 1, float32 [A, E]; a zero vector stays zero."""
        return unit_vectors(np.asarray(self.vectors, np.float32), np)

    @property
    def sees_history(self) -> bool:
        """The window of items is the state, but where the environment has features of its own and no items."""
        return not (self.observation_size and self.action_size)

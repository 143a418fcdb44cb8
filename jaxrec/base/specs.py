"""Static facts of data, one record per kind of data, by which algorithms size their networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


def _arrays() -> Any:
    """A field of arrays: two specs are equal without looking at it, and it is not printed."""
    return dataclasses.field(default=None, compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class RatingsSpec:
    """Of events one by one, for user models.

    Attributes:
      feedback_range: the least and the largest feedback there is.
      features: what is known of users and items beside their feedback, (float32 [N, F_u], float32 [A, F_i]), or None.
      user_ids, item_ids: the log's own ids, [N] and [A].
    """

    num_users: int
    num_items: int
    feedback_range: tuple[float, float] = (0.0, 1.0)
    features: tuple[np.ndarray, np.ndarray] | None = _arrays()
    user_ids: np.ndarray | None = _arrays()
    item_ids: np.ndarray | None = _arrays()

    @property
    def catalogue(self) -> Any:
        """What the rows of learned tables stand for: parameters mean nothing for other users and items."""
        return None if self.item_ids is None else (self.user_ids, self.item_ids)


@dataclasses.dataclass(frozen=True)
class EnvironmentSpec:
    """Of simulated users.

    Attributes:
      max_turn: turns of an episode at most.
      observation_size: D_o, numbers of an observation's own vector; 0 where history is all there is.
      action_size: D_a, numbers of a continuous action; 0 where actions are items.
      reward_range: of one turn. return_range: of the undiscounted returns-to-go.
      environment: what on-policy and replay sources step; None for algorithms that only act.
      item_ids: the log's own ids of the items, [A], where there is a log.
    """

    num_users: int
    num_items: int
    max_turn: int
    observation_size: int = 0
    action_size: int = 0
    reward_range: tuple[float, float] = (0.0, 1.0)
    return_range: tuple[float, float] = (0.0, 1.0)
    environment: Any = None
    item_ids: np.ndarray | None = _arrays()

    @property
    def catalogue(self) -> Any:
        """What the rows of learned tables stand for: the items."""
        return self.item_ids

    @property
    def sees_history(self) -> bool:
        """The window of items is the state, but where the environment has features of its own and no items."""
        return not (self.observation_size and self.action_size)


@dataclasses.dataclass(frozen=True)
class TrajectoriesSpec(EnvironmentSpec):
    """Of logged episodes: the facts of the environment that they were played in, with the logged `return_range`.

    Attributes:
      episode_returns: quantiles of the returns of whole episodes, at equal steps from the least to the best.
    """

    episode_returns: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class SequencesSpec:
    """Of items in the order in which users met them.

    Attributes:
      length: items that a model sees; a training sequence has one more, the last of which is only predicted.
      feedback_range: the least and the largest feedback there is.
      tail: bool [A], the less popular items, or None.
      item_ids: the log's own ids of the items, [A].
      past_sessions: whether users are measured on a session that comes after others.
      counts: of all splits together: users, sessions, items and events.
    """

    num_users: int
    num_items: int
    length: int
    feedback_range: tuple[float, float] = (0.0, 1.0)
    tail: np.ndarray | None = _arrays()
    item_ids: np.ndarray | None = _arrays()
    past_sessions: bool = False
    counts: Mapping[str, int] | None = _arrays()

    @property
    def catalogue(self) -> Any:
        """What the rows of learned tables stand for: the items."""
        return self.item_ids


@dataclasses.dataclass(frozen=True)
class TextSpec:
    """Of text as token ids.

    Attributes:
      vocabulary: the largest id + 1, which is more than the number of ids where ids have gaps.
      tokenizer: what made the ids (`models.language.tokenizer.Tokenizer`), or None.
    """

    vocabulary: int
    tokenizer: Any = _arrays()

    @property
    def catalogue(self) -> Any:
        """What the rows of learned tables stand for: the tokens."""
        return None if self.tokenizer is None else self.tokenizer.decode(range(self.vocabulary))

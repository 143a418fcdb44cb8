"""The records that parts hand to each other (shape alphabet: B batch, T time, W window, D width, A items).

Records hold arrays only, so that any of them can be jitted, vmapped and placed on devices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import struct

Array = jax.Array

TRAIN, VALIDATION, TEST = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Interactions:
    """One host table of logged feedback, ordered as in its file; every dataset loader returns it.

    Rows of one user and second are ordered by time, where the file knows it finer.

    Attributes:
      user, item: int32 [E], dense indices in [0, num_users) and [0, num_items).
      feedback: float32 [E], rating, click, watch ratio: the unit is the dataset's.
      time: int64 [E], seconds (or positions where the dataset has no clock), zeros if unknown.
      split: int8 [E], TRAIN, VALIDATION or TEST; all TRAIN where the dataset comes unsplit.
      user_ids, item_ids: the dataset's own identifiers, indexed by the dense index.
      user_features, item_features: name -> array whose first axis is users or items (text as object arrays of str).
    """

    user: np.ndarray
    item: np.ndarray
    feedback: np.ndarray
    time: np.ndarray
    split: np.ndarray
    user_ids: np.ndarray
    item_ids: np.ndarray
    user_features: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    item_features: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    name: str = "interactions"

    @property
    def num_users(self) -> int:
        return len(self.user_ids)

    @property
    def num_items(self) -> int:
        return len(self.item_ids)

    def __len__(self) -> int:
        return len(self.user)

    def where(self, rows: np.ndarray) -> Interactions:
        """The same users and items with only the given rows (boolean mask or indices)."""
        columns = {c: getattr(self, c)[rows] for c in ("user", "item", "feedback", "time", "split")}
        return dataclasses.replace(self, **columns)


@struct.dataclass
class Observation:
    """What a policy sees of one user before a step; every environment returns it.

    Attributes:
      user: int32, the user's index (0 where the environment has no identities).
      item: int32, the item acted on last; the starting item at turn 0. Zero where actions are continuous.
      feedback: float32, the reward of that item; 0 at turn 0.
      turn: int32, steps taken in this episode; 0 tells a policy to forget what came before.
      vector: float32 [D_o], the environment's own features; D_o = 0 where history is all there is.
    """

    user: Array
    item: Array
    feedback: Array
    turn: Array
    vector: Array


@struct.dataclass
class Trajectories:
    """Logged episodes, padded at the end. `observation` fields are [N, T, ...], what the policy saw before each action.

    Attributes:
      observation: Observation [N, T].
      action: int32 [N, T] items, or float32 [N, T, D_a] where actions are continuous.
      reward: float32 [N, T].
      mask: bool [N, T], True on real steps (a prefix of each row).
    """

    observation: Observation
    action: Array
    reward: Array
    mask: Array


@struct.dataclass
class Sequences:
    """Items in the order in which each session or user met them, padded at the end.

    Attributes:
      item: int32 [N, T]; the items after the first are what next-item models predict. feedback: float32 [N, T].
      mask: bool [N, T], True on real items (a prefix of each row).
      user: int32 [N], whose row it is; rows of one user are in order of time.
      left: int32 [N], items of the session that come after the row, where long ones are cut; None: each row ends its
        session.
    """

    item: Array
    feedback: Array
    mask: Array
    user: Array
    left: Array | None = None


@struct.dataclass
class NextItem:
    """What next-item models learn from and are measured on.

    Attributes:
      train: sequences of one length T to learn from.
      test: whole sessions that were held out, in buckets of similar length.
      past: one array per bucket, int32 [N, P]: the distinct items that the user of each held-out session met in
        earlier sessions, padded with -1.
      popularity: int32 [A], of each item the training events, or the users in them; 0: nobody can have learned of it.
      before: one record per bucket, sequences of length T: the last items that the user of each held-out session met
        before it. Empty where every session is learned from by itself.
      history: the sequences of training and validation sessions, where the held-out sessions come after both; None
        where `train` is all that came before.
    """

    train: Sequences
    test: tuple[Sequences, ...]
    past: tuple[Array, ...]
    popularity: Array
    before: tuple[Sequences, ...] = ()
    history: Sequences | None = None


@struct.dataclass
class Text:
    """Token ids, documents one after the other: `train` int32 [M] to learn from, `validation` int32 [K]."""

    train: Array
    validation: Array


@struct.dataclass
class Steps:
    """What a rollout records, time first: [T, B]. `carry` is the policy's carry after it absorbed the observation."""

    observation: Observation
    action: Array
    reward: Array
    terminated: Array
    truncated: Array
    mask: Array  # False once an episode is over (only without auto-reset)
    carry: Any = None

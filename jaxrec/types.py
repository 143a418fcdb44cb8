"""The records and contracts every part of jaxrec shares (shape alphabet: B batch, T time, W window, D width, A items).

Records hold arrays only; contracts are NamedTuples of pure functions, so any part can be jitted, vmapped and swapped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import struct

Array = jax.Array
Params = Any
Batch = Any

TRAIN, VALIDATION, TEST = 0, 1, 2


class JaxrecError(Exception):
    """A mistake the user can mend: one line that says what was found, where, and what to do."""


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
class Steps:
    """What a rollout records, time first: [T, B]. `carry` is the policy's carry after it absorbed the observation."""

    observation: Observation
    action: Array
    reward: Array
    terminated: Array
    truncated: Array
    mask: Array  # False once an episode is over (only without auto-reset)
    carry: Any = None


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
    # Of sequences, all splits together: users, sessions, items and events.
    counts: Mapping[str, int] | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def directions(self) -> np.ndarray:
        """float32 [A, E], the `vectors` in unit length; zero vectors stay zero."""
        vectors = np.asarray(self.vectors, np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    @property
    def sees_history(self) -> bool:
        """The window of items is the state, but where the environment has features of its own and no items."""
        return not (self.observation_size and self.action_size)


class Learner(NamedTuple):
    """`init(key) -> state`; `update(state, batch, key) -> (state, metrics)` with scalar metrics; `load`, where set,
    fills parameters from files once the state stands: {path: abstract leaf with sharding} of all -> (path, array) of
    some, one after the other.

    `state` has the fields `step` (int32) and `params`. Networks are sized by the Spec, so no batch is needed to
    start: an on-policy source could not give one before there are parameters.
    """

    init: Callable[[Array], Any]
    update: Callable[[Any, Batch, Array], tuple[Any, Mapping[str, Array]]]
    load: Callable[[Mapping[str, jax.ShapeDtypeStruct]], Iterable[tuple[str, Array]]] | None = None


class Source(NamedTuple):
    """`init(data, params, key) -> source_state`; `next(data, source_state, params, key) -> (source_state, batch)`.

    `data` is read-only and handed in as an argument of the jitted block. `stream`, where set, yields the data of the
    block that starts at a step: `stream(first_step, num_steps) -> data`, read on the host one block ahead.
    """

    init: Callable[[Any, Params, Array], Any]
    next: Callable[[Any, Any, Params, Array], tuple[Any, Batch]]
    stream: Callable[[int, int], Any] | None = None


class Policy(NamedTuple):
    """`init(params, num_users) -> carry`; `act(params, carry, observation, key) -> (carry, action_logits)`.

    `observation` is a batched Observation [B]; logits are [B, A], or the action itself [B, D_a] where actions are
    continuous. The carry must restart a row whose observation has `turn == 0`. `diagnostics(carry) -> {name: int32
    [B]}`, optional, is what a report may count per step (the chosen history length), each value in [0, max_turn].
    """

    init: Callable[[Params, int], Any]
    act: Callable[[Params, Any, Observation, Array], tuple[Any, Array]]
    diagnostics: Callable[[Any], Mapping[str, Array]] | None = None


class Ranker(NamedTuple):
    """How a next-item model ranks: `states(params, item [B, T], feedback, mask) -> [B, T, D]`, each from the items up
    to it, and `scores(params, states [R, D]) -> [R, A]`. In two parts, so that nobody need hold scores [B, T, A].
    `states(..., places=int32 [B, P]) -> [B, P, D]` gives some of them, for less where a model can.

    `context(params, history, user [B]) -> [B, ...]`, where set, is what a model knows of users from their sessions in
    `history` (Sequences, by user and time); `states` then takes it after the mask.
    """

    states: Callable[..., Array]
    scores: Callable[[Params, Array], Array]
    context: Callable[[Params, Sequences, Array], Array] | None = None


class Algorithm(NamedTuple):
    """What `algorithms/<family>/<name>.py: make(config, spec)` returns.

    A method that is counted rather than trained has no learner and no source but `estimate(interactions, **facts)
    -> params`: `interactions` is the log or None, `facts` what `environment.item_facts(env_params)` says of the
    training environment. `evaluator(params, data) -> {"mode/metric": scalar}` measures on data what is not played in
    an environment; `ranker` is how next-item models rank. `export(params, folder)` writes one seed's parameters as
    other programs read them.
    """

    learner: Learner | None
    source: Source | None
    policy: Policy | None = None
    scorer: Callable[[Params, Any], Array] | None = None
    estimate: Callable[..., Params] | None = None
    evaluator: Callable[[Params, Any], Mapping[str, Array]] | None = None
    export: Callable[[Params, Path], None] | None = None
    ranker: Ranker | None = None

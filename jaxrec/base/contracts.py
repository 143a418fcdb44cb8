"""The contracts between parts: NamedTuples of pure functions, so that any part can be jitted, vmapped and swapped.

A Protocol below says how one of these functions is called. Arguments are handed over in the order given, so that a
function may name them as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self

import jax
import numpy as np

from jaxrec.base.episode_keys import EpisodeKey
from jaxrec.base.records import Observation, Sequences, Text

Array = jax.Array
# Pytrees of arrays. Params is a dict keyed by role; Data is what a source reads, Batch what it gives to a learner.
Params = Any
Batch = Any
Data = Any
SourceState = Any
PolicyCarry = Any
Scalars = Mapping[str, Array]


class TrainingState(Protocol):
    """What the loop reads of a learner's state, a frozen record.

    Attributes:
      step: int32, updates made. The loop derives the random keys of a step from this count.
      loop_step: int32, steps of the loop made, each of one batch of the source. Schedules are read at this count.
      params: Params.
    """

    step: Array
    loop_step: Array
    params: Params

    def replace(self, **fields: Any) -> Self: ...


class LossFn(Protocol):
    """Returns (terms, metrics) of a batch, dicts of scalars; the loss is the sum of the terms.

    `named` holds the step's schedules and random draws, each by its name (see `training.learner.from_loss`).
    """

    def __call__(self, params: Params, batch: Batch, key: Array, /, **named: Array) -> tuple[Scalars, Scalars]: ...


class TargetLossFn(Protocol):
    """A `LossFn` of a learner with target networks, whose parameters come second."""

    def __call__(
        self, params: Params, target_params: Params, batch: Batch, key: Array, /, **named: Array
    ) -> tuple[Scalars, Scalars]: ...


class InitParams(Protocol):
    """Returns new parameters drawn with the key, a dict keyed by role."""

    def __call__(self, key: Array, /) -> Params: ...


class InitState(Protocol):
    """Returns a learner's first state."""

    def __call__(self, key: Array, /) -> TrainingState: ...


class Update(Protocol):
    """Returns (the state after learning from the batch, metrics), metrics a dict of scalars."""

    def __call__(self, state: TrainingState, batch: Batch, key: Array, /) -> tuple[TrainingState, Scalars]: ...


class LoadParams(Protocol):
    """Yields (path, array) for the parameters that come from files, one after the other.

    Args:
      abstract: path -> shape, dtype and sharding of every parameter. A path is 'role/.../name'.
    """

    def __call__(self, abstract: Mapping[str, jax.ShapeDtypeStruct], /) -> Iterable[tuple[str, Array]]: ...


class Learner(NamedTuple):
    """How parameters are learned from batches.

    Networks are sized by the Spec, so no batch is needed to start: an on-policy source could not give one before there
    are parameters.

    Attributes:
      init: (key) -> the first state.
      update: (state, batch, key) -> (state, metrics).
      load: fills parameters from files once the state stands on its devices; None where all are drawn.
      frozen: regexes of the paths of parameters that training never changes, matched at the start of the path.
    """

    init: InitState
    update: Update
    load: LoadParams | None = None
    frozen: Sequence[str] = ()


class InitSource(Protocol):
    """Returns a source's first state. `params` are the learner's first ones: a source that acts needs them."""

    def __call__(self, data: Data, params: Params, key: Array, /) -> SourceState: ...


class NextBatch(Protocol):
    """Returns (the source's next state, a batch)."""

    def __call__(self, data: Data, state: SourceState, params: Params, key: Array, /) -> tuple[SourceState, Batch]: ...


class Stream(Protocol):
    """Returns the host data of the `num_steps` steps that start at `first_step`."""

    def __call__(self, first_step: int, num_steps: int, /) -> Data: ...


class Source(NamedTuple):
    """Where batches come from.

    Attributes:
      init: (data, params, key) -> the first state of the source.
      next: (data, state, params, key) -> (state, batch). `data` is read-only, an argument of the jitted block.
      stream: reads the data of a block on the host, one block ahead; None where all data lie on the devices.
    """

    init: InitSource
    next: NextBatch
    stream: Stream | None = None


class Environment(Protocol):
    """A gymnax 1.x environment, as far as rollouts and evaluation use it; one user, without automatic resets.

    `env_params` is a pytree of arrays, an argument of every call. Policies see what `reset_env` and `step_env` return
    as an Observation.

    Attributes:
      num_actions: A, or D_a where actions are continuous.
      has_item_actions: whether actions are items int32 []; otherwise they are vectors float32 [D_a].
      has_exit_switch: whether `env_params.exits`, bool [], says if users may leave, so that a mode can keep them.
      reward_range: the least and the largest reward of one turn.
      reset_chunk: the rows that a rollout resets at a time, where a reset is slow; None: all of them at once.
    """

    name: str
    num_actions: int
    has_item_actions: bool
    has_exit_switch: bool
    reward_range: tuple[float, float]
    reset_chunk: int | None

    def reset_env(self, key: Array, env_params: Data, /) -> tuple[Observation, Any]:
        """Returns (observation, env_state) of a new episode."""
        ...

    def step_env(
        self, key: Array, env_state: Any, action: Array, env_params: Data, /
    ) -> tuple[Observation, Any, Array, Array, Mapping[str, Array]]:
        """Returns (observation, env_state, reward, terminated, info) after an action."""
        ...

    def is_truncated(self, env_state: Any, env_params: Data, /) -> Array:
        """Returns whether a time limit cuts the episode here."""
        ...

    def action_space(self, env_params: Data, /) -> Any:
        """Returns the gymnax space of actions, discrete where they are items."""
        ...

    def item_facts(self, env_params: Data, /) -> Mapping[str, np.ndarray]:
        """Returns name -> array, what an algorithm that is estimated may know of the items; {} where there are none.

        `liking` float [A]: the mean reward of each item. Of the exit rule `window`, the actions that it looks back on,
        `threshold`, and of what it compares one of `categories` bool [A, C], `distance` float [A, A] and `vectors`
        float [A, D]. Of the users' ratings `ratings` float [N, A], or, where no such matrix is held, `rating_vectors`
        float [A, D] with the cosines of its columns.
        """
        ...


class InitCarry(Protocol):
    """Returns what a policy remembers of B = `num_users` users before their first observation."""

    def __call__(self, params: Params, num_users: int, /) -> PolicyCarry: ...


class Act(Protocol):
    """Returns (carry, action logits [B, A]), or (carry, action [B, D_a]) where actions are continuous.

    `observation` is an Observation [B]. The carry must restart a row whose observation has `turn == 0`. A policy that
    draws does so by `base.episode_keys.draw`, so that what it draws for a user does not depend on the batch's other
    users; a plain random key is the key of a batch that holds all users.
    """

    def __call__(
        self, params: Params, carry: PolicyCarry, observation: Observation, key: EpisodeKey | Array, /
    ) -> tuple[PolicyCarry, Array]: ...


class Diagnostics(Protocol):
    """Returns name -> int32 [B] in [0, max_turn], what a report counts at each step (the chosen history length)."""

    def __call__(self, carry: PolicyCarry, /) -> Mapping[str, Array]: ...


class Policy(NamedTuple):
    """How parameters act in an environment.

    Attributes:
      init: (params, num_users) -> carry.
      act: (params, carry, observation, key) -> (carry, action logits or action).
      diagnostics: (carry) -> what a report counts at each step; None where there is nothing to count.
      max_turn: turns of the longest episode that the parameters tell apart; None where there is no such limit.
      selection: how an evaluation takes items by the logits, 'greedy' or 'sample'; '' leaves it to the evaluation.
    """

    init: InitCarry
    act: Act
    diagnostics: Diagnostics | None = None
    max_turn: int | None = None
    selection: str = ""


class States(Protocol):
    """Returns the state [B, T, D] after each position, from the items at or before it.

    Args:
      item: int32 [B, T]. feedback: float32 [B, T]. mask: bool [B, T], True on real items.
      context: [B, ...], of a ranker that has one.
    """

    def __call__(self, params: Params, item: Array, feedback: Array, mask: Array, /, *context: Array) -> Array: ...


class StatesAt(Protocol):
    """Returns the states [B, P, D] after the positions int32 [B, P] alone, for less work where a model can."""

    def __call__(
        self, params: Params, item: Array, feedback: Array, mask: Array, positions: Array, /, *context: Array
    ) -> Array: ...


class Scores(Protocol):
    """Returns the scores [R, A] of all items in each of the states [R, D]."""

    def __call__(self, params: Params, states: Array, /) -> Array: ...


class Context(Protocol):
    """Returns [B, ...], what a model knows of the users int32 [B] from their earlier sessions in `history` (Sequences,
    by user and time)."""

    def __call__(self, params: Params, history: Sequences, user: Array, /) -> Array: ...


class Ranker(NamedTuple):
    """Ranks the catalogue by a next-item model, in two parts so that nobody need hold scores [B, T, A].

    Attributes:
      states: (params, item, feedback, mask[, context]) -> the state after each position.
      states_at: (params, item, feedback, mask, positions[, context]) -> the states after some.
      scores: (params, states) -> the scores of all items.
      context: (params, history, user) -> what both functions of states take last; None where they take none.
    """

    states: States
    states_at: StatesAt
    scores: Scores
    context: Context | None = None


class Annotate(Protocol):
    """Returns what a fitted model says of the rows int32 [R], an array [R, ...]; `data` is what it learned from."""

    def __call__(self, params: Params, data: Data, rows: Array, /) -> Array: ...


class Transform(NamedTuple):
    """What a fitted model says of every row of something, and a `transform` stage keeps.

    Attributes:
      num_rows: (data) -> how many rows there are, known before anything is compiled.
      annotate: (params of one seed, data, rows) -> array [R, ...], jitted by the stage.
    """

    num_rows: Callable[[Data], int]
    annotate: Annotate


class Score(Protocol):
    """Returns the scores [B, A] of all items for each of B users, by index or by history as the algorithm says."""

    def __call__(self, params: Params, users: Any, /) -> Array: ...


class Estimate(Protocol):
    """Returns the parameters that are counted.

    Args:
      data: what is counted: for an environment the log, or None; for sequences `records.NextItem`.
      facts: name -> array, what `environment.item_facts(env_params)` says of the training environment.
    """

    def __call__(self, data: Any, /, **facts: Any) -> Params: ...


class Perplexity(Protocol):
    """Returns {"validation/metric": scalar} of a language model on the held-out part of a text."""

    def __call__(self, params: Params, data: Text, /) -> Scalars: ...


class Export(Protocol):
    """Writes the parameters of one seed to a folder, as other programs read them."""

    def __call__(self, params: Params, folder: Path, /) -> None: ...


class Ask(Protocol):
    """Returns the parameters with options set anew that may be asked at inference: {option: number}."""

    def __call__(self, params: Params, options: Mapping[str, float], /) -> Params: ...


class Algorithm(NamedTuple):
    """What `algorithms/<family>/<name>.py: make(config, spec)` returns: all that the engine must know of a method.

    Attributes:
      learner, source: of a method that is trained; both None of one that is counted.
      policy: acts in environments.
      scorer: scores all items for users.
      estimate: counts the parameters of a method that is not trained.
      perplexity: of a language model.
      export: writes parameters as other programs read them.
      ranker: ranks, of a next-item model.
      transforms: name -> what the fitted model says of every row of something.
      ask: sets options anew at inference; None of a method that has none. They stand under `inference` in its config.
    """

    learner: Learner | None
    source: Source | None
    policy: Policy | None = None
    scorer: Score | None = None
    estimate: Estimate | None = None
    perplexity: Perplexity | None = None
    export: Export | None = None
    ranker: Ranker | None = None
    transforms: Mapping[str, Transform] = MappingProxyType({})
    ask: Ask | None = None


class Measured(NamedTuple):
    """What one seed of a model is worth: {"mode/metric": scalar}; of rankings also {metric: [N]}, what sessions add."""

    metrics: Scalars
    sessions: Mapping[str, Array]


class MeasureSeed(Protocol):
    """Returns what the parameters of one seed are worth on an evaluator's data; vmapped over seeds and jitted."""

    def __call__(self, params: Params, data: Data, key: Array, /) -> Measured: ...


class Evaluator(NamedTuple):
    """What `evaluation/<name>.py: make(config, spec)` returns.

    Attributes:
      check: (algorithm, its name) -> None; raises JaxrecError where the algorithm lacks what is measured.
      measure: (algorithm) -> how one seed of it is measured.
      draws: whether the result depends on the key, so that a model without seeds is measured once under each.
    """

    check: Callable[[Algorithm, str], None]
    measure: Callable[[Algorithm], MeasureSeed]
    draws: bool

"""The contracts between parts: NamedTuples of pure functions, so that any part can be jitted, vmapped and swapped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

from jaxrec.base.records import Observation, Sequences

Array = jax.Array
Params = Any
Batch = Any


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


class Transform(NamedTuple):
    """What a fitted model says of every row of something, and a `transform` stage keeps.

    `num_rows(data) -> int`, known before anything is compiled; `annotate(params, data, rows) -> array [R, ...]` of the
    rows int32 [R], jitted by the stage. `data` is what the model learned from.
    """

    num_rows: Callable[[Any], int]
    annotate: Callable[[Params, Any, Array], Array]


class Algorithm(NamedTuple):
    """What `algorithms/<family>/<name>.py: make(config, spec)` returns: all that the engine must know of a method.

    Attributes:
      learner, source: of a method that is trained; both None of one that is counted.
      policy: acts in environments.
      scorer: (params, what it scores for) -> scores [B, A] of all items.
      estimate: of a method that is counted: (log or None, **facts) -> params, where `facts` is what
        `environment.item_facts(env_params)` says of the training environment.
      perplexity: (params, text) -> {"validation/metric": scalar}, of a language model.
      ranker: how a next-item model ranks.
      transforms: name -> what the fitted model says of every row of something.
      ask: (params, {option: number}) -> params in which those of its options that may be asked anew at inference are
        set; None of a method that has none. The options are those under `inference` in its config.
      export: (params of one seed, folder) -> None, writes them as other programs read them.
    """

    learner: Learner | None
    source: Source | None
    policy: Policy | None = None
    scorer: Callable[[Params, Any], Array] | None = None
    estimate: Callable[..., Params] | None = None
    perplexity: Callable[[Params, Any], Mapping[str, Array]] | None = None
    export: Callable[[Params, Path], None] | None = None
    ranker: Ranker | None = None
    transforms: Mapping[str, Transform] = MappingProxyType({})
    ask: Callable[[Params, Mapping[str, float]], Params] | None = None


class Measured(NamedTuple):
    """What one seed of a model is worth: {"mode/metric": scalar}; of rankings also {metric: [N]}, what sessions add."""

    metrics: Mapping[str, Array]
    sessions: Mapping[str, Array]


class Evaluator(NamedTuple):
    """What `evaluation/<name>.py: make(config, spec)` returns.

    Attributes:
      check: (algorithm, its name) -> None; raises JaxrecError where the algorithm lacks what is measured.
      measure: (algorithm) -> (params of one seed, data, key) -> Measured, to be vmapped over seeds and jitted.
      draws: whether the result depends on the key, so that a model without seeds is measured once under each.
    """

    check: Callable[[Algorithm, str], None]
    measure: Callable[[Algorithm], Callable[[Params, Any, Array], Measured]]
    draws: bool

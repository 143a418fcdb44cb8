"""The contracts between parts: NamedTuples of pure functions, so that any part can be jitted, vmapped and swapped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
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
    """Ranks the catalogue by a next-item model, in two parts so that nobody need hold scores [B, T, A].

    `states(params, item [B, T], feedback [B, T], mask [B, T][, context]) -> [B, T, D]`: the state after each position,
    computed from the items at or before it.
    `states_at(params, item, feedback, mask, positions int32 [B, P][, context]) -> [B, P, D]`: those after some
    positions, for less work where a model can.
    `scores(params, states [R, D]) -> [R, A]`.
    `context(params, history, user int32 [B]) -> [B, ...]`, optional: what the model knows of users from their earlier
    sessions in `history` (Sequences, by user and time). Where set, both functions of states take it as last argument.
    """

    states: Callable[..., Array]
    states_at: Callable[..., Array]
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

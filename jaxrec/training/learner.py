"""Learners: `from_loss` descends one summed loss, as almost every algorithm does; `repeated` makes several updates on
each batch of the source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import chex
import jax
import jax.numpy as jnp
import optax
from flax import struct
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxrec.base.contracts import (
    Array,
    Batch,
    InitParams,
    Learner,
    LoadParams,
    LossFn,
    Params,
    Scalars,
    TargetLossFn,
    TrainingState,
)
from jaxrec.base.errors import JaxrecError


class Draw(Protocol):
    """Makes the random choices of one step that the loss and the optimizer must agree on, such as which of two networks
    learns. Returns name -> array; both are handed each choice as a keyword argument of its name.

    Args:
      key: of this step; the loss is handed the same one.
    """

    def __call__(self, key: Array, /) -> Mapping[str, Array]: ...


class Prepare(Protocol):
    """Returns minibatches stacked along a leading axis K. `params` are those before the first of the K updates."""

    def __call__(self, params: Params, batch: Batch, key: Array, /) -> Batch: ...


@struct.dataclass
class LearnerState:
    """The state of a learner that `from_loss` made.

    Attributes:
      step: int32, updates made.
      loop_step: int32, steps of the loop made. It differs from `step` where a learner is `repeated`.
      params, target_params: dicts keyed by role.
      opt_state: the optimizer's state, of the trainable parameters only.
    """

    step: Array
    loop_step: Array
    params: Params
    target_params: Params
    opt_state: optax.OptState


def partition(params: Params, frozen: Sequence[str]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Returns flat (trainable, frozen) dicts keyed by path, 'role/.../name'.

    Args:
      frozen: regexes matched at the start of a path.

    Raises:
      JaxrecError: a pattern matches nothing, or nothing is left to train.
    """
    flat = flatten_dict(params, sep="/")
    for pattern in frozen:
        if not any(re.match(pattern, path) for path in flat):
            raise JaxrecError(f"frozen pattern {pattern!r} matches no parameter; the roles are {sorted(params)}")
    held = {path: leaf for path, leaf in flat.items() if any(re.match(pattern, path) for pattern in frozen)}
    trainable = {path: leaf for path, leaf in flat.items() if path not in held}
    if not trainable:
        raise JaxrecError(f"the frozen patterns {list(frozen)} leave no parameter to train")
    return trainable, held


def join(trainable: Mapping[str, Array], held: Mapping[str, Array]) -> Params:
    """Returns the nested dict that `partition` took apart."""
    return unflatten_dict({**trainable, **held}, sep="/")


def from_loss(
    init_params: InitParams,
    loss_fn: LossFn | TargetLossFn,
    tx: optax.GradientTransformation,
    *,
    target_keys: Sequence[str] = (),
    target_update_rate: float = 1.0,
    target_update_every: int = 1,
    frozen: Sequence[str] = (),
    schedules: Mapping[str, optax.Schedule] | None = None,
    draw: Draw | None = None,
    load: LoadParams | None = None,
) -> Learner:
    """Makes a learner that descends the sum of `loss_fn`'s terms.

    Args:
      init_params: (key) -> params, one dict keyed by role.
      loss_fn: (params, batch, key) -> (terms, metrics), dicts of scalars; the loss is the sum of the terms. With
        `target_keys` it is handed `target_params` after `params`. Schedules and draws come by name.
      tx: sees the trainable parameters as a flat dict keyed by path. Where it takes extra arguments (optax's
        GradientTransformationExtraArgs), it is handed `step`, the int32 number of the loop's step, by which its
        schedules go, and the draws by name.
      target_keys: roles that also have a slowly moving copy in `target_params`.
      target_update_rate: share of the new parameters mixed into the copy at each update of the copy.
      target_update_every: updates between two updates of the copy (Fujimoto et al. 2018 delay it, Mnih et al. 2015
        copy).
      frozen: path regexes of parameters that are neither differentiated nor updated.
      schedules: name -> (loop step) -> scalar, for what changes as training goes on; handed to `loss_fn`.
      draw: (key) -> name -> array, random choices that loss and optimizer must agree on; handed to both.
      load: see `contracts.LoadParams`; what it fills may start as zeros.
    """
    tx = optax.with_extra_args_support(tx)

    def init(key: Array) -> LearnerState:
        params = init_params(key)
        trainable, _ = partition(params, frozen)
        # A copy, not an alias: the loop donates its carry, and one buffer cannot be donated twice.
        targets = {role: jax.tree.map(jnp.copy, params[role]) for role in target_keys}
        return LearnerState(jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32), params, targets, tx.init(trainable))

    def update(state: LearnerState, batch: Batch, key: Array) -> tuple[LearnerState, Scalars]:
        trainable, held = partition(state.params, frozen)
        scheduled = {name: schedule(state.loop_step) for name, schedule in (schedules or {}).items()}
        drawn = draw(key) if draw else {}

        def total(trainable: dict[str, Array]) -> tuple[Array, tuple[Scalars, Scalars]]:
            targets = (state.target_params,) if target_keys else ()
            terms, metrics = loss_fn(join(trainable, held), *targets, batch, key, **scheduled, **drawn)
            chex.assert_rank(list(terms.values()), 0)
            return sum(terms.values()), (terms, metrics)

        grads, (terms, metrics) = jax.grad(total, has_aux=True)(trainable)
        updates, opt_state = tx.update(grads, state.opt_state, trainable, step=state.loop_step, **drawn)
        params = join(optax.apply_updates(trainable, updates), held)
        due = (state.step + 1) % target_update_every == 0
        rate = target_update_rate if target_update_every == 1 else jnp.where(due, target_update_rate, 0.0)
        targets = {
            role: optax.incremental_update(params[role], state.target_params[role], rate) for role in target_keys
        }
        reported = {f"loss/{name}": term for name, term in terms.items()}
        reported |= {"loss/total": sum(terms.values()), "optimizer/gradient_norm": optax.tree.norm(grads)} | metrics
        return LearnerState(state.step + 1, state.loop_step + 1, params, targets, opt_state), reported

    return Learner(init, update, load, tuple(frozen))


def repeated(learner: Learner, prepare: Prepare) -> Learner:
    """Makes a learner that updates several times on each batch of its source: epochs of minibatches, or a replay ratio.

    The repeats are a scan inside the update and not a branch inside the source: with seeds as a vmapped axis a branch
    would take both sides, and play the environment at every update. All K updates are one step of the loop:
    `state.step` advances by K, `state.loop_step` by 1, and schedules stand still within the K. Metrics are means over
    the K updates.

    Args:
      prepare: (params, batch, key) -> minibatches stacked along a leading axis K.
    """

    def one_update(state: TrainingState, drawn: tuple[Batch, Array]) -> tuple[TrainingState, Scalars]:
        after, metrics = learner.update(state, *drawn)
        return after.replace(loop_step=state.loop_step), metrics

    def update(state: TrainingState, batch: Batch, key: Array) -> tuple[TrainingState, Scalars]:
        key_prepare, key_updates = jax.random.split(key)
        minibatches = prepare(state.params, batch, key_prepare)
        keys = jax.random.split(key_updates, jax.tree.leaves(minibatches)[0].shape[0])
        state, metrics = jax.lax.scan(one_update, state, (minibatches, keys))
        return state.replace(loop_step=state.loop_step + 1), jax.tree.map(lambda x: jnp.mean(x, 0), metrics)

    return learner._replace(update=update)


def split(parts: int) -> Prepare:
    """For `repeated`: cuts a batch [K * B, ...] into K = `parts` batches [K, B, ...], in its order."""

    def prepare(params: Params, batch: Batch, key: Array) -> Batch:
        del params, key
        return jax.tree.map(lambda x: x.reshape(parts, x.shape[0] // parts, *x.shape[1:]), batch)

    return prepare

"""`from_loss`: the learner behind almost every algorithm, one gradient of one summed loss; `repeated`: several such
gradients on one batch of the source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax
from flax import struct
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxrec.base.contracts import Array, Batch, Learner, Params
from jaxrec.base.errors import JaxrecError

Scalars = Mapping[str, Array]
LossFn = Callable[..., tuple[Scalars, Scalars]]


@struct.dataclass
class LearnerState:
    """`params` and `target_params` are dicts keyed by role; `opt_state` covers the trainable part only."""

    step: Array
    params: Params
    target_params: Params
    opt_state: Any


def partition(params: Params, frozen: Sequence[str]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Flat (trainable, frozen) dicts keyed by 'role/.../name'; `frozen` are regexes matched at the start of that path.

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
    """The nested dict that `partition` took apart."""
    return unflatten_dict({**trainable, **held}, sep="/")


def from_loss(
    init_params: Callable[[Array], Params],
    loss_fn: LossFn,
    tx: optax.GradientTransformation,
    *,
    target_keys: Sequence[str] = (),
    target_update_rate: float = 1.0,
    target_update_every: int = 1,
    frozen: Sequence[str] = (),
    schedules: Mapping[str, optax.Schedule] | None = None,
    load: Callable[[Mapping[str, jax.ShapeDtypeStruct]], Iterable[tuple[str, Array]]] | None = None,
) -> Learner:
    """A learner that descends the sum of `loss_fn`'s terms.

    Args:
      init_params: key -> params, one dict keyed by role.
      loss_fn: (params, batch, key) -> (terms, metrics), dicts of scalars; the loss is the sum of the terms. With
        `target_keys` it is handed `target_params` after `params`.
      tx: sees the trainable parameters as a flat dict keyed by path.
      target_keys: roles that also have a slowly moving copy in `target_params`.
      target_update_rate: share of the new parameters mixed into the copy at each update of the copy.
      target_update_every: steps between two updates of the copy (Fujimoto et al. 2018 delay it, Mnih et al. 2015 copy).
      frozen: path regexes of parameters that are neither differentiated nor updated.
      schedules: name -> step -> scalar, for what changes as training goes on; `loss_fn` is handed each by its name.
      load: see `types.Learner`; what it fills may start as zeros.
    """

    def init(key: Array) -> LearnerState:
        params = init_params(key)
        trainable, _ = partition(params, frozen)
        # A copy, not an alias: the loop donates its carry, and one buffer cannot be donated twice.
        targets = {role: jax.tree.map(jnp.copy, params[role]) for role in target_keys}
        return LearnerState(jnp.zeros((), jnp.int32), params, targets, tx.init(trainable))

    def update(state: LearnerState, batch: Batch, key: Array) -> tuple[LearnerState, Scalars]:
        trainable, held = partition(state.params, frozen)
        now = {name: schedule(state.step) for name, schedule in (schedules or {}).items()}

        def total(trainable):
            targets = (state.target_params,) if target_keys else ()
            terms, metrics = loss_fn(join(trainable, held), *targets, batch, key, **now)
            chex.assert_rank(list(terms.values()), 0)
            return sum(terms.values()), (terms, metrics)

        grads, (terms, metrics) = jax.grad(total, has_aux=True)(trainable)
        updates, opt_state = tx.update(grads, state.opt_state, trainable)
        params = join(optax.apply_updates(trainable, updates), held)
        due = (state.step + 1) % target_update_every == 0
        rate = target_update_rate if target_update_every == 1 else jnp.where(due, target_update_rate, 0.0)
        targets = {
            role: optax.incremental_update(params[role], state.target_params[role], rate) for role in target_keys
        }
        reported = {f"loss/{name}": term for name, term in terms.items()}
        reported |= {"loss/total": sum(terms.values()), "optimizer/gradient_norm": optax.tree.norm(grads)} | metrics
        return LearnerState(state.step + 1, params, targets, opt_state), reported

    return Learner(init, update, load)


def repeated(learner: Learner, prepare: Callable[[Params, Batch, Array], Batch]) -> Learner:
    """The learner, updated several times for each batch of its source: epochs of minibatches, or a replay ratio.

    The repeats are a scan inside the update and not a branch inside the source: with seeds as a vmapped axis a branch
    would take both sides, and play the environment at every update. `state.step` counts updates.

    Args:
      prepare: (params before the first update, batch, key) -> minibatches stacked along a leading axis K.

    Metrics are means over the K updates.
    """

    def update(state: Any, batch: Batch, key: Array) -> tuple[Any, Scalars]:
        key_prepare, key_updates = jax.random.split(key)
        minibatches = prepare(state.params, batch, key_prepare)
        keys = jax.random.split(key_updates, jax.tree.leaves(minibatches)[0].shape[0])
        state, metrics = jax.lax.scan(lambda s, part: learner.update(s, *part), state, (minibatches, keys))
        return state, jax.tree.map(lambda values: jnp.mean(values, 0), metrics)

    return learner._replace(update=update)


def split(parts: int) -> Callable[[Params, Batch, Array], Batch]:
    """For `repeated`: a batch [K * B, ...] as K batches [K, B, ...], in its order."""

    def prepare(params: Params, batch: Batch, key: Array) -> Batch:
        del params, key
        return jax.tree.map(lambda x: x.reshape(parts, x.shape[0] // parts, *x.shape[1:]), batch)

    return prepare

"""`from_loss`: the learner behind almost every algorithm, one gradient of one summed loss."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax
from flax import struct
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxrec.types import Array, Batch, JaxrecError, Learner, Params

Scalars = Mapping[str, Array]
LossFn = Callable[[Params, Params, Batch, Array], tuple[Scalars, Scalars]]


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
    frozen: Sequence[str] = (),
) -> Learner:
    """A learner that descends the sum of `loss_fn`'s terms.

    Args:
      init_params: key -> params, one dict keyed by role.
      loss_fn: (params, target_params, batch, key) -> (terms, metrics), dicts of scalars; the loss is the sum of the
        terms.
      tx: sees the trainable parameters as a flat dict keyed by path.
      target_keys: roles that also have a slowly moving copy in `target_params`.
      target_update_rate: share of the new parameters mixed into the copy at each step.
      frozen: path regexes of parameters that are neither differentiated nor updated.
    """

    def init(key: Array) -> LearnerState:
        params = init_params(key)
        trainable, _ = partition(params, frozen)
        # A copy, not an alias: the loop donates its carry, and one buffer cannot be donated twice.
        targets = {role: jax.tree.map(jnp.copy, params[role]) for role in target_keys}
        return LearnerState(jnp.zeros((), jnp.int32), params, targets, tx.init(trainable))

    def update(state: LearnerState, batch: Batch, key: Array) -> tuple[LearnerState, Scalars]:
        trainable, held = partition(state.params, frozen)

        def total(trainable):
            terms, metrics = loss_fn(join(trainable, held), state.target_params, batch, key)
            chex.assert_rank(list(terms.values()), 0)
            return sum(terms.values()), (terms, metrics)

        grads, (terms, metrics) = jax.grad(total, has_aux=True)(trainable)
        updates, opt_state = tx.update(grads, state.opt_state, trainable)
        params = join(optax.apply_updates(trainable, updates), held)
        targets = {
            role: optax.incremental_update(params[role], state.target_params[role], target_update_rate)
            for role in target_keys
        }
        reported = {f"loss/{name}": term for name, term in terms.items()}
        reported |= {"loss/total": sum(terms.values()), "optimizer/gradient_norm": optax.tree.norm(grads)} | metrics
        return LearnerState(state.step + 1, params, targets, opt_state), reported

    return Learner(init, update)
